-- step: merge
-- Ten per product, by lift times confidence: lift alone prefers rare pairs, confidence alone what everybody buys. Only what
-- is bought together more often than by chance, no other product of the same name, and each related name once.
MERGE INTO marts.related_products AS m
USING (
    WITH pairs AS (
        SELECT
            r.run_id,
            r.antecedents[1] AS product_id,
            r.consequents[1] AS related_product_id,
            r.support,
            r.confidence,
            r.lift
        FROM models.published AS p
        INNER JOIN models.association_rules AS r ON p.run_id = r.run_id
        WHERE
            p.model = 'product_recommendations'
            AND cardinality(r.antecedents) = 1 AND cardinality(r.consequents) = 1
            AND r.lift > 1
    ),

    named AS (
        SELECT DISTINCT ON (s.product_id, n.product_name)
            s.product_id,
            s.related_product_id,
            n.product_name AS related_product_name,
            s.support,
            s.confidence,
            s.lift,
            s.run_id AS model_run_id
        FROM pairs AS s
        INNER JOIN marts.products AS o ON s.product_id = o.product_id
        INNER JOIN marts.products AS n ON s.related_product_id = n.product_id
        WHERE o.product_name <> n.product_name AND n.is_recommendable
        ORDER BY s.product_id ASC, n.product_name ASC, s.lift * s.confidence DESC, s.related_product_id
    ),

    ranked AS (
        SELECT
            n.*,
            row_number() OVER (
                PARTITION BY n.product_id ORDER BY n.lift * n.confidence DESC, n.related_product_id
            ) AS rank
        FROM named AS n
    ),

    best AS (
        SELECT r.* FROM ranked AS r
        WHERE r.rank <= 10
    )

    SELECT f.* FROM best AS f
) AS b ON m.product_id = b.product_id AND m.rank = b.rank
WHEN MATCHED
AND (m.related_product_id, m.related_product_name, m.support, m.confidence, m.lift, m.model_run_id)
IS DISTINCT FROM (
    b.related_product_id, b.related_product_name, b.support, b.confidence, b.lift, b.model_run_id
)
THEN
    UPDATE
        SET
            related_product_id = b.related_product_id,
            related_product_name = b.related_product_name,
            support = b.support,
            confidence = b.confidence,
            lift = b.lift,
            model_run_id = b.model_run_id
WHEN NOT MATCHED
THEN INSERT
    (product_id, rank, related_product_id, related_product_name, support, confidence, lift, model_run_id)
VALUES
(
    b.product_id, b.rank, b.related_product_id, b.related_product_name, b.support, b.confidence, b.lift,
    b.model_run_id
);

-- step: forget
-- What is left of other runs has more rows than the published one.
DELETE FROM marts.related_products AS m
WHERE
    m.model_run_id IS DISTINCT FROM (
        SELECT p.run_id FROM models.published AS p
        WHERE p.model = 'product_recommendations'
    );
