-- step: keep
-- Answers that name the customer: those without an address of their channel, and every no, since it counts for whatever
-- address she has. Named by the time that was delivered: the same answer delivered again must not become a later one. It
-- counts from that time, or from the first delivery when nobody can have answered by then.
INSERT INTO privacy.customer_answers AS a (
    source, external_id, channel, purpose, answered_at, occurred_at, granted, how, consent_text
)
SELECT DISTINCT ON (d.source, d.customer_ref, d.channel, d.purpose, d.answered_at)
    d.source,
    d.customer_ref,
    d.channel,
    d.purpose,
    d.answered_at,
    least(d.answered_at, d.started_at) AS occurred_at,
    d.granted,
    d.how,
    d.consent_text
FROM (
    SELECT
        i.source,
        i.customer_ref,
        i.channel,
        i.purpose,
        i.answered_at,
        i.started_at,
        i.granted,
        i.how,
        i.consent_text,
        i.file_id,
        i.record_no
    FROM incoming_answers AS i
    WHERE i.customer_ref IS NOT NULL AND (i.address_hash IS NULL OR NOT i.granted)
    UNION ALL
    SELECT
        l.system,
        r.customer_ref,
        'email' AS channel,
        'marketing' AS purpose,
        coalesce(r.consent_at, l.started_at) AS answered_at,
        l.started_at,
        r.email_consent,
        NULL AS how,
        r.consent_text,
        r.file_id,
        r.record_no
    FROM raw.customers AS r
    INNER JOIN merging_loads AS l ON r.load_id = l.load_id
    WHERE NOT r.email_consent AND NOT r.is_deleted
) AS d
ORDER BY
    d.source ASC, d.customer_ref ASC, d.channel ASC, d.purpose ASC, d.answered_at ASC, d.granted ASC, d.started_at ASC,
    d.file_id ASC, d.record_no ASC
ON CONFLICT (source, external_id, channel, purpose, answered_at) DO UPDATE
    SET
        granted = a.granted AND excluded.granted,
        occurred_at = least(a.occurred_at, excluded.occurred_at)
    WHERE (a.granted AND NOT excluded.granted) OR excluded.occurred_at < a.occurred_at;
