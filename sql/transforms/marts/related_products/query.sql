-- step: replace
DELETE FROM marts.related_products;

-- step: fill
-- A rule between two products that carry the same name (another size of the same thing) tells a customer nothing.
INSERT INTO marts.related_products (
    product_id, rank, related_product_id, related_product_name, support, confidence, lift, model_run_id
)
SELECT
    x.product_id,
    x.rank,
    x.related_product_id,
    x.related_product_name,
    x.support,
    x.confidence,
    x.lift,
    x.run_id
FROM (
    SELECT
        a.antecedents[1] AS product_id,
        a.consequents[1] AS related_product_id,
        q.product_name AS related_product_name,
        a.support,
        a.confidence,
        a.lift,
        a.run_id,
        row_number() OVER (
            PARTITION BY a.antecedents[1]
            ORDER BY a.lift * a.confidence DESC, a.consequents[1]
        ) AS rank
    FROM models.published AS m
    INNER JOIN models.association_rules AS a ON m.run_id = a.run_id
    INNER JOIN marts.products AS p ON p.product_id = a.antecedents[1]
    INNER JOIN marts.products AS q ON q.product_id = a.consequents[1]
    WHERE
        m.model = 'product_recommendations'
        AND cardinality(a.antecedents) = 1
        AND cardinality(a.consequents) = 1
        AND a.lift > 1
        AND q.is_recommendable
        AND p.product_name <> q.product_name
) AS x
WHERE x.rank <= 10;
