-- check: record_missing (stop)
SELECT count(*)
FROM addressed_customers AS t
WHERE NOT EXISTS (
    SELECT FROM core.current_addresses AS a
    WHERE a.customer_id = t.customer_id
);

-- check: deleted_customer_has_an_address (stop)
SELECT count(*)
FROM core.current_addresses AS a
INNER JOIN core.customers AS c ON a.customer_id = c.customer_id
WHERE
    a.customer_id IN (SELECT t.customer_id FROM addressed_customers AS t)
    AND c.is_deleted
    AND NOT EXISTS (
        SELECT FROM core.customer_identifiers AS i
        INNER JOIN core.contacts AS k ON i.source = k.source AND i.external_id = k.external_id
        WHERE i.customer_id = a.customer_id AND NOT k.is_deleted
    )
    AND coalesce(a.contact_point_id, a.sms_contact_point_id) IS NOT NULL;
