-- check: time_zone_unknown (warn)
SELECT count(*)
FROM core.customers AS c
WHERE c.time_zone NOT IN (SELECT z.name FROM pg_timezone_names AS z);
