-- check: address_without_customer (stop)
SELECT count(*)
FROM core.contact_points AS p
WHERE p.channel = 'email' AND p.customer_id IS NULL;

-- check: address_shared_by_customers (warn)
SELECT count(*)
FROM (
    SELECT r.email_hash
    FROM raw.customers AS r
    WHERE r.load_id = any(%(load_ids)s::bigint[]) AND r.email_hash IS NOT NULL
    GROUP BY r.email_hash
    HAVING min(r.customer_ref) <> max(r.customer_ref)
) AS s;
