-- step: merge
MERGE INTO marts.product_recommendations AS m
USING (
    WITH proposed AS (
        SELECT
            r.customer_id,
            r.rank,
            r.product_id,
            n.product_name,
            r.score,
            CASE
                WHEN b.product_id IS NULL THEN 'popular with our customers'
                WHEN b.product_name = n.product_name THEN 'because you like ' || b.product_name
                ELSE 'because you bought ' || b.product_name
            END AS reason,
            r.run_id AS model_run_id
        FROM models.published AS p
        INNER JOIN models.product_recommendations AS r ON p.run_id = r.run_id
        INNER JOIN marts.products AS n ON r.product_id = n.product_id
        LEFT JOIN marts.products AS b ON r.because_product_id = b.product_id
        WHERE
            p.model = 'product_recommendations'
            -- who has turned out to be another customer since has hers
            AND r.customer_id NOT IN (
                SELECT c.customer_id FROM core.customers AS c
                WHERE c.merged_into IS NOT NULL
            )
    )

    SELECT f.* FROM proposed AS f
) AS p ON m.customer_id = p.customer_id AND m.rank = p.rank
WHEN MATCHED
AND (m.product_id, m.product_name, m.score, m.reason, m.model_run_id)
IS DISTINCT FROM (p.product_id, p.product_name, p.score, p.reason, p.model_run_id)
THEN
    UPDATE
        SET
            product_id = p.product_id,
            product_name = p.product_name,
            score = p.score,
            reason = p.reason,
            model_run_id = p.model_run_id
WHEN NOT MATCHED
THEN
    INSERT (customer_id, rank, product_id, product_name, score, reason, model_run_id)
    VALUES (p.customer_id, p.rank, p.product_id, p.product_name, p.score, p.reason, p.model_run_id);

-- step: forget
DELETE FROM marts.product_recommendations AS m
WHERE
    NOT EXISTS (
        SELECT FROM models.published AS p
        INNER JOIN models.product_recommendations AS r ON p.run_id = r.run_id
        WHERE p.model = 'product_recommendations' AND r.customer_id = m.customer_id AND r.rank = m.rank
    )
    OR m.customer_id IN (
        SELECT c.customer_id FROM core.customers AS c
        WHERE c.merged_into IS NOT NULL
    );
