-- Statements of the room `edge`: all that the service facing the internet may do.

-- name: limit_time
SELECT set_config('statement_timeout', %(milliseconds)s::text, FALSE);

-- name: alive
SELECT 1;

-- name: unsubscribe
-- Two records, because they answer different questions. The consent of this contact point for this purpose is withdrawn:
-- that is what the person said. The address is suppressed for the channel: the shop's next export may still say yes, and a
-- new record of the same person would start without that answer; a suppression outlives both until a person lifts it.
-- The event is written only when something changed, so a repeated click or a provider's retry adds nothing.
WITH target AS (
    SELECT
        s.send_id,
        s.contact_point_id,
        s.channel,
        s.purpose,
        c.address_hash
    FROM activation.sends AS s
    INNER JOIN core.contact_points AS c ON s.contact_point_id = c.contact_point_id
    WHERE s.send_id = %(send_id)s AND s.purpose <> 'post'
),

withdrawn AS (
    INSERT INTO privacy.consents AS k (contact_point_id, channel, purpose, granted, changed_at)
    SELECT
        t.contact_point_id,
        t.channel,
        t.purpose,
        FALSE AS granted,
        %(now)s
    FROM target AS t
    ON CONFLICT (contact_point_id, channel, purpose) DO UPDATE
        SET
            granted = FALSE,
            changed_at = greatest(k.changed_at, excluded.changed_at)
        WHERE k.granted
    RETURNING k.contact_point_id
),

suppressed AS (
    INSERT INTO privacy.suppressions (channel, address_hash, reason, since)
    SELECT
        t.channel,
        t.address_hash,
        'unsubscribed' AS reason,
        %(now)s
    FROM target AS t
    ON CONFLICT DO NOTHING
    RETURNING 1
),

noted AS (
    INSERT INTO privacy.consent_events (
        consent_event_id, contact_point_id, channel, purpose, granted, occurred_at, recorded_at, how, send_id
    )
    SELECT
        %(event_id)s,
        t.contact_point_id,
        t.channel,
        t.purpose,
        FALSE AS granted,
        %(now)s AS occurred_at,
        %(now)s AS recorded_at,
        'unsubscribe link' AS how,
        t.send_id
    FROM target AS t
    WHERE EXISTS (SELECT 1 FROM withdrawn) OR EXISTS (SELECT 1 FROM suppressed)
)

SELECT count(*) FROM target;
