-- Statements of the room `delivery` about what is known of messages after they were handed over.

-- name: event_send
SELECT
    s.send_id,
    s.contact_point_id
FROM activation.sends AS s
WHERE
    (s.send_id = %(send_id)s::bigint OR s.message_id = %(message_id)s::text)
    -- what was never handed over cannot have come back
    AND s.sending_at IS NOT NULL;

-- name: event_insert
INSERT INTO activation.delivery_events (
    event_id, send_id, campaign, channel, kind, occurred_at, recorded_at, handed_over_at, source, code
)
SELECT
    %(event_id)s,
    s.send_id,
    s.campaign,
    s.channel,
    %(kind)s,
    %(occurred_at)s,
    %(now)s,
    s.sending_at,
    %(source)s,
    %(code)s
FROM activation.sends AS s
WHERE s.send_id = %(send_id)s
ON CONFLICT (event_id) DO NOTHING
RETURNING event_id;

-- name: suppress
-- A reason that holds for everything goes before an unsubscription, which holds for advertising only.
INSERT INTO privacy.suppressions AS x (channel, address_hash, reason, since)
SELECT
    cp.channel,
    cp.address_hash,
    %(reason)s,
    %(now)s
FROM core.contact_points AS cp
WHERE cp.contact_point_id = %(contact_point_id)s AND cp.address <> ''
ON CONFLICT (channel, address_hash) DO UPDATE
    SET reason = excluded.reason, since = excluded.since
    WHERE x.reason = 'unsubscribed';

-- name: soft_bounces
-- Of the last messages to the address: how many bounced for the time being, one after the other up to the newest.
SELECT count(*) FILTER (WHERE t.is_soft)
FROM (
    SELECT
        EXISTS (
            SELECT 1 FROM activation.delivery_events AS e
            WHERE e.send_id = s.send_id AND e.kind = 'bounce_soft'
        ) AND NOT EXISTS (
            SELECT 1 FROM activation.delivery_events AS e
            WHERE e.send_id = s.send_id AND e.kind = 'delivered'
        ) AS is_soft
    FROM activation.sends AS s
    WHERE
        s.contact_point_id = %(contact_point_id)s
        AND s.sending_at >= %(since)s
        AND s.state IN ('sent', 'sending', 'unknown')
    ORDER BY s.sending_at DESC, s.send_id DESC
    LIMIT %(in_a_row)s
) AS t;

-- name: settle_reported
-- Whatever is reported of it, the other side had it; its sender has nothing to add. That goes before what a person has decided
-- without knowing it: nobody gets a second one, unless its sender has begun it already. What has put it off or ended it since has
-- written its own reason, so the decision itself is looked up.
UPDATE activation.sends AS s
SET
    state = 'sent',
    reason = 'settled_by_report',
    claim_token = NULL,
    lease_until = NULL,
    settled_at = %(now)s
WHERE
    s.send_id = %(send_id)s
    AND (
        s.state = 'unknown'
        OR (s.state = 'failed' AND s.reason = 'given_up')
        OR (
            s.state IN ('released', 'deferred', 'claimed', 'skipped', 'expired', 'cancelled')
            AND EXISTS (
                SELECT 1 FROM activation.unknown_decisions AS d
                WHERE d.send_id = s.send_id AND d.decision = 'send_again'
            )
        )
    )
RETURNING s.send_id;

-- name: events_insert
-- Many reports at once: what `event_send` and `event_insert` do with each, the bounces for the time being last. A row for each report
-- of a message of ours. A report that names nothing but the Message-ID may have to know whom the message was sent to, too.
WITH given AS (
    SELECT g.*
    FROM unnest(
        %(numbers)s::integer[], %(send_ids)s::bigint[], %(message_ids)s::text[], %(recipients)s::bytea[],
        %(kinds)s::text[], %(times)s::timestamptz[], %(sources)s::text[], %(keys)s::text[], %(codes)s::text[]
    ) AS g (number, send_id, message_id, recipient, kind, occurred_at, source, key, code)
),

named AS (
    SELECT
        g.*,
        g.send_id AS about
    FROM given AS g
    WHERE g.send_id IS NOT NULL
    UNION ALL
    SELECT
        g.*,
        s.send_id AS about
    FROM given AS g
    INNER JOIN activation.sends AS s ON g.message_id = s.message_id
    WHERE g.send_id IS NULL
    UNION ALL
    -- what names no message is about the last one that went to the address before
    SELECT
        g.*,
        l.send_id AS about
    FROM given AS g
    INNER JOIN core.contact_points AS cp ON g.recipient = cp.address_hash AND cp.channel = 'email'
    CROSS JOIN
        LATERAL (
            SELECT s.send_id
            FROM activation.sends AS s
            WHERE
                s.contact_point_id = cp.contact_point_id
                AND s.sending_at <= g.occurred_at
                AND s.sending_at > g.occurred_at - %(recent)s::interval
            ORDER BY s.sending_at DESC, s.send_id DESC
            LIMIT 1
        ) AS l
    WHERE g.send_id IS NULL AND g.message_id IS NULL
),

found AS (
    SELECT
        n.number,
        n.kind,
        n.occurred_at,
        n.source,
        n.code,
        s.send_id,
        s.contact_point_id,
        s.campaign,
        s.channel,
        s.sending_at,
        ops.event_id('delivery ' || n.source, coalesce(n.key, n.kind || ' ' || s.send_id)) AS event_id
    FROM named AS n
    CROSS JOIN
        LATERAL (
            SELECT
                h.send_id,
                h.contact_point_id,
                h.campaign,
                h.channel,
                h.sending_at
            FROM activation.sends AS h
            WHERE h.send_id = n.about AND h.sending_at IS NOT NULL
            -- One after the other by their key (a limit is not taken apart): by statistics from before the first of many was
            -- handed over, the whole ledger would be compared with each report.
            ORDER BY h.send_id
            LIMIT 1
        ) AS s
    INNER JOIN core.contact_points AS cp ON s.contact_point_id = cp.contact_point_id
    WHERE n.recipient IS NULL OR n.recipient = cp.address_hash
),

added AS (
    INSERT INTO activation.delivery_events (
        event_id, send_id, campaign, channel, kind, occurred_at, recorded_at, handed_over_at, source, code
    )
    SELECT
        f.event_id,
        f.send_id,
        f.campaign,
        f.channel,
        f.kind,
        f.occurred_at,
        %(now)s,
        f.sending_at,
        f.source,
        f.code
    FROM found AS f
    -- by key first: two batches with the same reports in another order would wait for each other
    ORDER BY f.event_id, f.kind = 'bounce_soft', f.number
    ON CONFLICT (event_id) DO NOTHING
    RETURNING event_id
)

SELECT
    f.number,
    f.send_id,
    f.contact_point_id,
    f.kind,
    f.event_id IN (SELECT a.event_id FROM added AS a)
    AND row_number() OVER (PARTITION BY f.event_id ORDER BY f.kind = 'bounce_soft', f.number) = 1 AS is_new
FROM found AS f
ORDER BY f.kind = 'bounce_soft', f.number;

-- name: soft_bounces_of_many
-- `soft_bounces` of many addresses: those whose last messages all bounced for the time being.
SELECT c.contact_point_id
FROM unnest(%(contact_point_ids)s::bigint[]) AS c (contact_point_id)
CROSS JOIN
    LATERAL (
        SELECT
            EXISTS (
                SELECT 1 FROM activation.delivery_events AS e
                WHERE e.send_id = s.send_id AND e.kind = 'bounce_soft'
            ) AND NOT EXISTS (
                SELECT 1 FROM activation.delivery_events AS e
                WHERE e.send_id = s.send_id AND e.kind = 'delivered'
            ) AS is_soft
        FROM activation.sends AS s
        WHERE
            s.contact_point_id = c.contact_point_id
            AND s.sending_at >= %(since)s
            AND s.state IN ('sent', 'sending', 'unknown')
        ORDER BY s.sending_at DESC, s.send_id DESC
        LIMIT %(in_a_row)s
    ) AS t
GROUP BY c.contact_point_id
HAVING count(*) FILTER (WHERE t.is_soft) >= %(in_a_row)s;

-- name: suppress_many
-- `suppress` for many; in the order of the hashes, so that two of these cannot wait for each other.
INSERT INTO privacy.suppressions AS x (channel, address_hash, reason, since)
SELECT DISTINCT ON (cp.channel, cp.address_hash)
    cp.channel,
    cp.address_hash,
    g.reason,
    %(now)s
FROM unnest(%(contact_point_ids)s::bigint[], %(reasons)s::text[]) WITH ORDINALITY AS g (contact_point_id, reason, number)
INNER JOIN core.contact_points AS cp ON g.contact_point_id = cp.contact_point_id
WHERE cp.address <> ''
ORDER BY cp.channel, cp.address_hash, g.number
ON CONFLICT (channel, address_hash) DO UPDATE
    SET reason = excluded.reason, since = excluded.since
    WHERE x.reason = 'unsubscribed';

-- name: settle_many_reported
-- `settle_reported` for many. Who has stored a report holds its message's key by the foreign key, and so may two of these: a lock that
-- leaves the key alone does not wait for that.
WITH heard AS (
    SELECT s.send_id
    FROM activation.sends AS s
    WHERE
        s.send_id = any(%(send_ids)s::bigint[])
        AND (
            s.state = 'unknown'
            OR (s.state = 'failed' AND s.reason = 'given_up')
            OR (
                s.state IN ('released', 'deferred', 'claimed', 'skipped', 'expired', 'cancelled')
                AND EXISTS (
                    SELECT 1 FROM activation.unknown_decisions AS d
                    WHERE d.send_id = s.send_id AND d.decision = 'send_again'
                )
            )
        )
    ORDER BY s.send_id
    FOR NO KEY UPDATE OF s
)

UPDATE activation.sends AS s
SET
    state = 'sent',
    reason = 'settled_by_report',
    claim_token = NULL,
    lease_until = NULL,
    settled_at = %(now)s
FROM heard
WHERE s.send_id = heard.send_id
RETURNING s.send_id;

-- name: sweep_reported
-- What was reported at the very moment at which its sender, or the sweep, wrote that nobody knows: neither saw the other.
WITH heard AS (
    SELECT s.send_id
    FROM activation.sends AS s
    WHERE
        s.state = 'unknown'
        AND EXISTS (
            SELECT 1 FROM activation.delivery_events AS e
            WHERE e.send_id = s.send_id
        )
    ORDER BY s.sending_at
    LIMIT %(most)s
    FOR UPDATE OF s SKIP LOCKED
)

UPDATE activation.sends AS s
SET
    state = 'sent',
    reason = 'settled_by_report',
    claim_token = NULL,
    settled_at = %(now)s
FROM heard
WHERE s.send_id = heard.send_id
RETURNING s.state;

-- name: decide_unknown
-- A person's decision, with who and when, on what is unknown at this moment. `send_again` and `give_up` leave the token: a
-- sender that was only slow may still say that it did arrive (settle), as long as nobody has claimed the row again; and so may
-- a report (settle_reported), until somebody has begun it again.
WITH chosen AS (
    SELECT s.send_id
    FROM activation.sends AS s
    WHERE
        s.state = 'unknown'
        AND (%(campaign)s::text IS NULL OR s.campaign = %(campaign)s)
        AND (%(begun_before)s::timestamptz IS NULL OR s.sending_at < %(begun_before)s)
        AND (%(message_ids)s::text[] IS NULL OR s.message_id = any(%(message_ids)s))
    ORDER BY s.send_id
    LIMIT %(most)s
    FOR UPDATE
),

decided AS (
    UPDATE activation.sends AS s
    SET
        state = CASE %(decision)s
            WHEN 'arrived' THEN 'sent'
            WHEN 'give_up' THEN 'failed'
            ELSE CASE WHEN s.expires_at > %(now)s THEN 'released' ELSE 'expired' END
        END,
        reason = CASE %(decision)s
            WHEN 'arrived' THEN 'settled_by_person'
            WHEN 'give_up' THEN 'given_up'
            ELSE 'send_again'
        END,
        claim_token = CASE WHEN %(decision)s <> 'arrived' THEN s.claim_token END,
        send_after = CASE WHEN %(decision)s = 'send_again' THEN %(now)s ELSE s.send_after END,
        settled_at = CASE WHEN %(decision)s <> 'send_again' OR s.expires_at <= %(now)s THEN %(now)s::timestamptz END
    FROM chosen AS c
    WHERE s.send_id = c.send_id AND s.state = 'unknown'
    RETURNING s.send_id, s.state
),

noted AS (
    INSERT INTO activation.unknown_decisions (send_id, decision, decided_by, decided_at)
    SELECT
        d.send_id,
        %(decision)s,
        %(by)s AS decided_by,
        %(now)s AS decided_at
    FROM decided AS d
)

SELECT d.state
FROM decided AS d;

-- name: unknown_counts
SELECT
    s.campaign,
    s.channel,
    s.reason,
    count(*) AS messages,
    min(s.sending_at) AS since
FROM activation.sends AS s
WHERE s.state = 'unknown'
GROUP BY s.campaign, s.channel, s.reason
ORDER BY min(s.sending_at), s.campaign;

-- name: unknown_sends
-- Messages of which nobody knows whether they arrived; for a person, or for bounces and the server's log, to decide.
SELECT
    s.send_id,
    s.message_id,
    s.campaign,
    s.occasion,
    s.channel,
    s.reason,
    s.sending_at
FROM activation.sends AS s
WHERE
    s.state = 'unknown'
    AND s.sending_at >= coalesce(%(since)s::timestamptz, s.sending_at)
ORDER BY s.sending_at, s.send_id
LIMIT %(most)s;
