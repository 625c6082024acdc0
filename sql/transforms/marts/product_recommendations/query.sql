-- step: forget_proposed
DROP TABLE IF EXISTS pg_temp.proposed_products;

-- step: note_proposed
-- The published run's lists without what no longer holds.
CREATE TEMPORARY TABLE proposed_products ON COMMIT DROP AS
WITH bought_since AS (
    SELECT
        o.customer_id,
        l.product_id
    FROM models.runs AS u
    INNER JOIN core.orders AS o ON u.as_of < o.ordered_on
    INNER JOIN core.order_lines AS l ON o.order_id = l.order_id
    WHERE u.run_id = %(product_recommendations_run)s::bigint AND o.kind = 'sale' AND o.customer_id IS NOT NULL
)

SELECT
    r.customer_id,
    r.list,
    r.rank,
    r.product_id,
    n.product_name,
    r.score,
    CASE
        WHEN r.list = 'buy_again' AND abs(r.due_on - u.as_of) <= 14 THEN 'you may need it again'
        WHEN r.list = 'buy_again' THEN 'you have bought it before'
        WHEN b.product_id IS NULL THEN 'popular with our customers'
        WHEN b.product_name = n.product_name THEN 'because you like ' || b.product_name
        ELSE 'because you bought ' || b.product_name
    END AS reason,
    r.due_on,
    -- lists that were taken over keep the run that made them, and so their rows here stay as they are
    r.scored_in AS model_run_id
FROM models.product_recommendations AS r
INNER JOIN models.runs AS u ON r.run_id = u.run_id
INNER JOIN marts.products AS n ON r.product_id = n.product_id
INNER JOIN core.customers AS c ON r.customer_id = c.customer_id
LEFT JOIN marts.products AS b ON r.because_product_id = b.product_id
WHERE
    r.run_id = %(product_recommendations_run)s::bigint
    -- discontinued or sold out since the run
    AND n.is_recommendable
    -- who has turned out to be another customer since has hers
    AND c.merged_into IS NULL
    AND NOT c.is_deleted
    -- what she has discovered since is not new to her any longer
    AND NOT (
        r.list = 'discover'
        AND EXISTS (
            SELECT FROM bought_since AS s
            WHERE s.customer_id = r.customer_id AND s.product_id = r.product_id
        )
    );

-- step: count
ANALYZE pg_temp.proposed_products;

-- step: forget
DELETE FROM marts.product_recommendations AS m
WHERE
    NOT EXISTS (
        SELECT FROM proposed_products AS p
        WHERE p.customer_id = m.customer_id AND p.list = m.list AND p.rank = m.rank
    );

-- step: merge
MERGE INTO marts.product_recommendations AS m
USING proposed_products AS p ON m.customer_id = p.customer_id AND m.list = p.list AND m.rank = p.rank
WHEN MATCHED
AND (m.product_id, m.product_name, m.score, m.reason, m.due_on, m.model_run_id)
IS DISTINCT FROM (p.product_id, p.product_name, p.score, p.reason, p.due_on, p.model_run_id)
THEN
    UPDATE
        SET
            product_id = p.product_id,
            product_name = p.product_name,
            score = p.score,
            reason = p.reason,
            due_on = p.due_on,
            model_run_id = p.model_run_id
WHEN NOT MATCHED
THEN
    INSERT (customer_id, list, rank, product_id, product_name, score, reason, due_on, model_run_id)
    VALUES (p.customer_id, p.list, p.rank, p.product_id, p.product_name, p.score, p.reason, p.due_on, p.model_run_id);
