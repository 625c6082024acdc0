-- check: customer_without_identifier (stop)
SELECT count(*)
FROM core.customers AS c
WHERE NOT EXISTS (
    SELECT FROM core.customer_identifiers AS i
    WHERE i.customer_id = c.customer_id
);
