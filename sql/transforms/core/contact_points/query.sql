-- step: new_addresses
-- An address belongs to the customer who brought it first; a second one with the same address shares it.
INSERT INTO core.contact_points (channel, address_hash, address, customer_id, is_simulated, first_seen_at)
SELECT
    'email' AS channel,
    f.email_hash,
    f.email,
    i.customer_id,
    f.is_simulated,
    %(now)s
FROM (
    SELECT DISTINCT ON (r.email_hash) r.*
    FROM raw.customers AS r
    WHERE r.load_id = any(%(load_ids)s::bigint[]) AND r.email_hash IS NOT NULL
    ORDER BY r.email_hash, r.file_id, r.record_no
) AS f
INNER JOIN core.customer_identifiers AS i ON i.source = %(source)s AND f.customer_ref = i.external_id
WHERE
    NOT EXISTS (
        SELECT FROM core.contact_points AS p
        WHERE p.channel = 'email' AND p.address_hash = f.email_hash
    )
ORDER BY f.file_id, f.record_no
ON CONFLICT (channel, address_hash) DO NOTHING;
