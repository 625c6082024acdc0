-- step: note_points
-- Whose answers may be new: addresses that came with a record, a contact or an answer, that changed hands or were forgotten.
INSERT INTO touched_points (contact_point_id)
SELECT p.contact_point_id
FROM core.contact_points AS p
INNER JOIN raw.customers AS r ON p.channel = 'email' AND p.address_hash = r.email_hash
WHERE r.load_id = any(%(load_ids)s::bigint[])
UNION
SELECT p.contact_point_id
FROM core.contact_points AS p
INNER JOIN incoming_answers AS i ON p.channel = i.channel AND p.address_hash = i.address_hash
UNION
SELECT k.contact_point_id FROM customer_points AS k
UNION
SELECT p.contact_point_id
FROM deleted_customers AS d
INNER JOIN core.customer_identifiers AS i ON d.source = i.source AND d.external_id = i.external_id
INNER JOIN core.contact_points AS p ON i.customer_id = p.customer_id AND octet_length(p.address) = 0
UNION
SELECT p.contact_point_id
FROM core.contact_points AS p
INNER JOIN kept_out AS k ON p.channel = k.channel AND p.address_hash = k.address_hash;

-- step: newest_answers
-- The newest answer wins, and of two at the same time the no. An answer delivered late never undoes a later unsubscription.
INSERT INTO privacy.consents AS c (contact_point_id, channel, purpose, granted, changed_at)
SELECT DISTINCT ON (e.contact_point_id, e.channel, e.purpose)
    e.contact_point_id,
    e.channel,
    e.purpose,
    e.granted,
    e.occurred_at
FROM privacy.consent_events AS e
WHERE e.contact_point_id IN (SELECT t.contact_point_id FROM touched_points AS t)
ORDER BY e.contact_point_id ASC, e.channel ASC, e.purpose ASC, e.occurred_at DESC, e.granted ASC
ON CONFLICT (contact_point_id, channel, purpose) DO UPDATE
    SET
        granted = excluded.granted,
        changed_at = excluded.changed_at
    WHERE
    c.changed_at < excluded.changed_at
    OR (c.changed_at = excluded.changed_at AND c.granted AND NOT excluded.granted);
