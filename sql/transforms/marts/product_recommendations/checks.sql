-- check: not_to_be_proposed (stop)
SELECT count(*)
FROM marts.product_recommendations AS m
INNER JOIN marts.products AS p ON m.product_id = p.product_id
WHERE NOT p.is_recommendable;

-- check: no_recommendations (warn)
SELECT (NOT EXISTS (SELECT FROM marts.product_recommendations))::integer;
