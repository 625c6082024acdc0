-- check: record_missing (stop)
SELECT count(*)
FROM raw.customers AS r
INNER JOIN core.customer_identifiers AS i ON i.source = %(source)s AND r.customer_ref = i.external_id
WHERE
    r.load_id = any(%(load_ids)s::bigint[])
    AND NOT EXISTS (
        SELECT FROM core.current_addresses AS a
        WHERE a.customer_id = i.customer_id
    );
