-- check: customer_without_identifier (stop)
SELECT count(*)
FROM named_customers AS n
WHERE NOT EXISTS (
    SELECT FROM core.customer_identifiers AS i
    WHERE i.source = n.source AND i.external_id = n.external_id
);
