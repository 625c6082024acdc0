-- step: merge
MERGE INTO marts.product_recommendations AS m
USING (
    WITH proposed AS (
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
            r.run_id AS model_run_id
        FROM models.product_recommendations AS r
        INNER JOIN models.runs AS u ON r.run_id = u.run_id
        INNER JOIN marts.products AS n ON r.product_id = n.product_id
        LEFT JOIN marts.products AS b ON r.because_product_id = b.product_id
        WHERE
            r.run_id = %(product_recommendations_run)s::bigint
            -- discontinued since the run
            AND n.is_recommendable
            -- who has turned out to be another customer since has hers
            AND r.customer_id NOT IN (
                SELECT c.customer_id FROM core.customers AS c
                WHERE c.merged_into IS NOT NULL
            )
    )

    SELECT f.* FROM proposed AS f
) AS p ON m.customer_id = p.customer_id AND m.list = p.list AND m.rank = p.rank
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

-- step: forget
DELETE FROM marts.product_recommendations AS m
WHERE
    m.model_run_id IS DISTINCT FROM %(product_recommendations_run)s::bigint
    OR m.customer_id IN (
        SELECT c.customer_id FROM core.customers AS c
        WHERE c.merged_into IS NOT NULL
    )
    OR m.product_id IN (
        SELECT p.product_id FROM marts.products AS p
        WHERE NOT p.is_recommendable
    );
