-- check: impossible_measures (stop)
SELECT count(*)
FROM marts.related_products AS r
WHERE r.support NOT BETWEEN 0 AND 1 OR r.confidence NOT BETWEEN r.support AND 1 OR r.lift <= 1;
