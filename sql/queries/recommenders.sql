-- Statements of the room `recommenders`.

-- name: unknown_products
SELECT count(*)
FROM core.products AS c
WHERE NOT EXISTS (
    SELECT FROM marts.products AS p
    WHERE p.product_id = c.product_id
);
