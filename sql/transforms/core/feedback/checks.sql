-- check: customer_missing (stop)
SELECT count(*)
FROM raw.feedback AS r
INNER JOIN merging_loads AS l ON r.load_id = l.load_id
WHERE
    r.customer_ref IS NOT NULL
    AND NOT EXISTS (
        SELECT FROM core.customer_identifiers AS i
        WHERE i.source = l.system AND i.external_id = r.customer_ref
    );
