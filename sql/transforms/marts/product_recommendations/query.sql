-- step: replace
DELETE FROM marts.product_recommendations;

-- step: fill
INSERT INTO marts.product_recommendations (
    customer_id, rank, product_id, product_name, score, reason, model_run_id
)
SELECT
    r.customer_id,
    r.rank,
    r.product_id,
    p.product_name,
    r.score,
    CASE
        WHEN b.product_name IS NULL THEN 'popular with our customers'
        ELSE 'because you bought ' || b.product_name
    END,
    r.run_id
FROM models.published AS m
INNER JOIN models.product_recommendations AS r ON m.run_id = r.run_id
INNER JOIN marts.products AS p ON r.product_id = p.product_id
LEFT JOIN marts.products AS b ON r.because_product_id = b.product_id
WHERE m.model = 'product_recommendations';
