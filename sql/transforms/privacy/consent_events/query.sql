-- step: delivered_answers
-- Every answer that was delivered, also an older one. A yes without its time proves nothing and does not count; a no counts
-- from the delivery on. Nobody can have answered after the delivery, so a later time is cut back to it: else a wrong year
-- would outlive every unsubscription.
INSERT INTO privacy.consent_events (
    consent_event_id, contact_point_id, channel, purpose, granted, occurred_at, recorded_at, how, consent_text
)
SELECT DISTINCT ON (a.consent_event_id)
    a.consent_event_id,
    a.contact_point_id,
    'email' AS channel,
    'marketing' AS purpose,
    a.granted,
    a.occurred_at,
    %(now)s,
    'delivered by ' || %(source)s AS how,
    a.consent_text
FROM (
    SELECT
        p.contact_point_id,
        r.email_consent AS granted,
        r.consent_text,
        r.file_id,
        r.record_no,
        least(coalesce(r.consent_at, l.started_at), l.started_at) AS occurred_at,
        ops.event_id(
            %(source)s,
            concat_ws(
                '/', 'consent', encode(r.email_hash, 'hex'), 'email', 'marketing',
                extract(EPOCH FROM coalesce(r.consent_at, l.started_at))::text, r.email_consent::text
            )
        ) AS consent_event_id
    FROM raw.customers AS r
    INNER JOIN ops.loads AS l ON r.load_id = l.load_id
    INNER JOIN core.contact_points AS p ON p.channel = 'email' AND r.email_hash = p.address_hash
    WHERE
        r.load_id = any(%(load_ids)s::bigint[])
        AND r.email_consent IS NOT NULL
        AND (r.consent_at IS NOT NULL OR NOT r.email_consent)
) AS a
ORDER BY a.consent_event_id, a.file_id, a.record_no
ON CONFLICT (consent_event_id) DO NOTHING;
