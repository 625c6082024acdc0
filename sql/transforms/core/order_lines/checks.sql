-- check: product_unknown (stop)
-- A basket has its products by their names: a line whose product core does not have would not be seen.
SELECT count(*)
FROM incoming_products_sold AS i
INNER JOIN merging_loads AS m ON i.load_id = m.load_id
WHERE NOT EXISTS (
    SELECT FROM core.products AS p
    WHERE p.source = m.system AND p.external_id = i.product_ref
);
