-- check: address_missing (stop)
SELECT count(*)
FROM incoming_contacts AS c
WHERE
    NOT c.is_gone
    AND NOT EXISTS (
        SELECT FROM core.contact_points AS p
        WHERE p.channel = c.channel AND p.address_hash = c.address_hash
    )
    AND NOT EXISTS (
        SELECT FROM deleted_customers AS d
        WHERE d.source = c.source AND d.external_id = c.external_id AND d.deleted_at >= c.version_at
    );

-- check: address_shared_by_customers (warn)
SELECT count(*)
FROM (
    SELECT r.email_hash
    FROM raw.customers AS r
    INNER JOIN merging_loads AS l ON r.load_id = l.load_id
    WHERE r.email_hash IS NOT NULL
    GROUP BY l.system, r.email_hash
    HAVING min(r.customer_ref) <> max(r.customer_ref)
) AS s;
