-- check: empty_name (stop)
SELECT count(*)
FROM marts.products AS p
WHERE btrim(p.product_name) = '';

-- check: product_missing (stop)
SELECT count(*)
FROM core.products AS c
WHERE NOT EXISTS (
    SELECT FROM marts.products AS p
    WHERE p.product_id = c.product_id
);
