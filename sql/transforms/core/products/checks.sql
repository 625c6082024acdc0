-- check: product_not_in_catalogue (warn)
SELECT count(*)
FROM core.products AS p
WHERE NOT p.in_catalogue;
