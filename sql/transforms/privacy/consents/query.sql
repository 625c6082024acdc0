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
WHERE
    e.contact_point_id IN (
        SELECT p.contact_point_id
        FROM core.contact_points AS p
        INNER JOIN raw.customers AS r ON p.channel = 'email' AND p.address_hash = r.email_hash
        WHERE r.load_id = any(%(load_ids)s::bigint[])
    )
ORDER BY e.contact_point_id ASC, e.channel ASC, e.purpose ASC, e.occurred_at DESC, e.granted ASC
ON CONFLICT (contact_point_id, channel, purpose) DO UPDATE
    SET
        granted = excluded.granted,
        changed_at = excluded.changed_at
    WHERE
    c.changed_at < excluded.changed_at
    OR (c.changed_at = excluded.changed_at AND c.granted AND NOT excluded.granted);
