-- step: new_keys
INSERT INTO core.customer_keys AS k (key_kind, key_hash, source, external_id, customer_id, first_seen_at, said_at)
SELECT
    n.key_kind,
    n.key_hash,
    n.source,
    n.external_id,
    i.customer_id,
    %(now)s,
    n.said_at
FROM incoming_keys AS n
INNER JOIN core.customer_identifiers AS i ON n.source = i.source AND n.external_id = i.external_id
ON CONFLICT (key_kind, key_hash, source, external_id) DO UPDATE
    SET
        customer_id = excluded.customer_id,
        said_at = greatest(k.said_at, excluded.said_at)
    WHERE k.customer_id <> excluded.customer_id OR k.said_at < excluded.said_at;

-- step: forget_deleted
-- A deleted customer is not to be found again by what is forgotten. What came after the deletion stays.
DELETE FROM core.customer_keys AS k
USING deleted_customers AS d
WHERE k.source = d.source AND k.external_id = d.external_id AND k.said_at <= d.deleted_at;

-- step: forget_contacts
-- The key of a contact that is gone, unless the customer's own records had the address too.
DELETE FROM core.customer_keys AS k
USING incoming_contacts AS c
WHERE
    c.is_gone AND k.source = c.source AND k.external_id = c.external_id AND k.key_hash = c.address_hash
    AND k.key_kind = CASE c.channel WHEN 'sms' THEN 'phone' ELSE c.channel END
    AND NOT EXISTS (
        SELECT FROM incoming_keys AS n
        WHERE
            n.source = k.source AND n.external_id = k.external_id AND n.key_kind = k.key_kind AND n.key_hash = k.key_hash
    )
    AND NOT EXISTS (
        SELECT FROM core.customer_versions AS v
        WHERE v.source = k.source AND v.external_id = k.external_id AND k.key_hash IN (v.email_hash, v.phone_hash)
    );
