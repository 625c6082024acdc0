-- check: not_recommendable (stop)
SELECT count(*)
FROM marts.top_products AS t
INNER JOIN marts.products AS p ON t.product_id = p.product_id
WHERE t.week_ending_on > %(as_of)s::date - 7 AND NOT p.is_recommendable;
