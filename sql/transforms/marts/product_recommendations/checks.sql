-- check: not_recommendable (stop)
SELECT count(*)
FROM marts.product_recommendations AS r
INNER JOIN marts.products AS p ON r.product_id = p.product_id
WHERE NOT p.is_recommendable;
