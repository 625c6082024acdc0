-- step: newest
-- What a customer's newest record says: also that there is no usable address any more.
INSERT INTO core.current_addresses AS a (customer_id, contact_point_id)
SELECT DISTINCT ON (i.customer_id)
    i.customer_id,
    p.contact_point_id
FROM raw.customers AS r
INNER JOIN core.customer_identifiers AS i ON i.source = %(source)s AND r.customer_ref = i.external_id
LEFT JOIN core.contact_points AS p ON p.channel = 'email' AND r.email_hash = p.address_hash
WHERE r.load_id = any(%(load_ids)s::bigint[])
ORDER BY i.customer_id ASC, r.file_id DESC, r.record_no DESC
ON CONFLICT (customer_id) DO UPDATE
    SET contact_point_id = excluded.contact_point_id
    WHERE a.contact_point_id IS DISTINCT FROM excluded.contact_point_id;

-- step: move
-- An address that its customer gave up and another one has now is that one's. The ledger holds the address, not the
-- customer, so nothing of what was sent changes.
UPDATE core.contact_points AS p
SET customer_id = n.customer_id
FROM (
    SELECT
        a.contact_point_id,
        min(a.customer_id) AS customer_id
    FROM core.current_addresses AS a
    GROUP BY a.contact_point_id
) AS n
WHERE
    p.contact_point_id = n.contact_point_id
    AND p.channel = 'email'
    AND NOT EXISTS (
        SELECT FROM core.current_addresses AS a
        WHERE a.contact_point_id = p.contact_point_id AND a.customer_id = p.customer_id
    );
