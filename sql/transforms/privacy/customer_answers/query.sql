-- step: keep
-- Answers that name the customer and no address of their channel.
INSERT INTO privacy.customer_answers AS a (
    source, external_id, channel, purpose, answered_at, granted, how, consent_text
)
SELECT DISTINCT ON (i.source, i.customer_ref, i.channel, i.purpose, i.answered_at)
    i.source,
    i.customer_ref,
    i.channel,
    i.purpose,
    least(i.answered_at, i.started_at) AS answered_at,
    i.granted,
    i.how,
    i.consent_text
FROM incoming_answers AS i
WHERE i.customer_ref IS NOT NULL AND i.address_hash IS NULL
ORDER BY
    i.source ASC, i.customer_ref ASC, i.channel ASC, i.purpose ASC, i.answered_at ASC, i.granted ASC, i.file_id ASC,
    i.record_no ASC
ON CONFLICT (source, external_id, channel, purpose, answered_at) DO UPDATE
    SET granted = FALSE
    WHERE a.granted AND NOT excluded.granted;
