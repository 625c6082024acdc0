-- check: related_to_itself (stop)
SELECT count(*)
FROM marts.related_products AS m
WHERE m.product_id = m.related_product_id;

-- check: no_related_products (warn)
SELECT (NOT EXISTS (SELECT FROM marts.related_products))::integer;
