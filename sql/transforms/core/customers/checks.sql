-- check: time_zone_unknown (warn)
SELECT count(*)
FROM core.customers AS c
WHERE
    c.customer_id IN (
        SELECT i.customer_id
        FROM core.customer_identifiers AS i
        INNER JOIN incoming_customers AS n ON i.source = n.source AND i.external_id = n.external_id
    )
    AND c.time_zone NOT IN (SELECT z.name FROM pg_timezone_names AS z);
