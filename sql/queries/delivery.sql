-- Statements of the room `delivery`: every change of a message's state between `released` and its end.
-- Each is a compare-and-set on (state, claim_token), each commits on its own, and none waits for another's lock.

-- name: server_clock
-- For the one question whether a sender's machine has a clock that can be right; the time of all else is given.
SELECT clock_timestamp() AS server_now;

-- name: sweep_leases
-- Whose sender has gone. Not yet begun: back to `released`. Begun: the transport may have it, so `unknown`, and never sent again.
-- An unknown row keeps its token: a sender that was only slow may still say what became of it (settle).
-- What was reported of a message says that it was handed over.
-- It is asked for leases that have run out, and for those that end later than any living sender's: whose sender died while its
-- clock was ahead would hold on for as long. Not for both at once: two ranges are a bitmap, which visits all dead rows each time.
WITH lost AS (
    SELECT s.send_id
    FROM activation.sends AS s
    WHERE
        s.state IN ('claimed', 'sending')
        AND s.lease_until > %(ends_after)s::timestamptz
        AND s.lease_until <= %(ends_by)s::timestamptz
    ORDER BY s.lease_until
    LIMIT %(most)s
    FOR UPDATE SKIP LOCKED
)

UPDATE activation.sends AS s
SET
    state = CASE
        WHEN s.state = 'claimed' THEN 'released'
        WHEN EXISTS (
            SELECT 1 FROM activation.delivery_events AS e
            WHERE e.send_id = s.send_id
        ) THEN 'sent'
        ELSE 'unknown'
    END,
    reason = CASE s.state WHEN 'claimed' THEN 'lease_expired' ELSE 'sender_lost' END,
    claim_token = CASE s.state WHEN 'sending' THEN s.claim_token END,
    lease_until = NULL,
    settled_at = CASE s.state WHEN 'sending' THEN %(now)s::timestamptz END
FROM lost
WHERE s.send_id = lost.send_id
RETURNING s.state;

-- name: sweep_expired
-- Too late to be sent at all. The reason stays: why it was put off, if it was.
WITH late AS (
    SELECT s.send_id
    FROM activation.sends AS s
    WHERE
        s.state IN ('released', 'deferred')
        AND s.expires_at <= %(now)s
    ORDER BY s.expires_at
    LIMIT %(most)s
    FOR UPDATE SKIP LOCKED
)

UPDATE activation.sends AS s
SET
    state = 'expired',
    settled_at = %(now)s
FROM late
WHERE s.send_id = late.send_id
RETURNING s.state;

-- name: claim
-- The next due messages of a channel, across all campaigns; those that others claim right now are left to them. The campaigns that have
-- any are found by skipping from one to the next in the index, so that what a paused one has waiting is never walked through.
WITH RECURSIVE waiting AS (
    (
        SELECT s.campaign
        FROM activation.sends AS s
        WHERE s.channel = %(channel)s AND s.state IN ('released', 'deferred')
        ORDER BY s.campaign, s.priority, s.send_after, s.send_id
        LIMIT 1
    )
    UNION ALL
    SELECT n.campaign
    FROM waiting AS w
    CROSS JOIN
        LATERAL (
            SELECT s.campaign
            FROM activation.sends AS s
            WHERE
                s.channel = %(channel)s
                AND s.state IN ('released', 'deferred')
                AND s.campaign > w.campaign
            ORDER BY s.campaign, s.priority, s.send_after, s.send_id
            LIMIT 1
        ) AS n
),

due AS (
    SELECT m.send_id
    FROM waiting AS w
    CROSS JOIN
        LATERAL (
            SELECT
                s.send_id,
                s.priority,
                s.send_after
            FROM activation.sends AS s
            WHERE
                s.channel = %(channel)s
                AND s.campaign = w.campaign
                AND s.state IN ('released', 'deferred')
                AND s.send_after <= %(now)s
                AND s.expires_at > %(now)s
            ORDER BY s.priority, s.send_after, s.send_id
            LIMIT %(most)s
            FOR UPDATE OF s SKIP LOCKED
        ) AS m
    WHERE
        NOT EXISTS (
            SELECT 1 FROM activation.campaign_states AS c
            WHERE c.campaign = w.campaign AND c.is_paused
        )
        AND NOT EXISTS (
            SELECT 1 FROM activation.channel_states AS h
            WHERE h.channel = %(channel)s AND h.is_paused
        )
    ORDER BY m.priority, m.send_after, m.send_id
    LIMIT %(most)s
)

UPDATE activation.sends AS s
SET
    state = 'claimed',
    claim_token = %(token)s,
    lease_until = %(lease_until)s,
    claimed_at = %(now)s
FROM due
WHERE s.send_id = due.send_id
RETURNING s.send_id;

-- name: load
-- What a claimed batch needs to be written, in one go: the address, the name, the products' names, the plan. Tests name nobody, though
-- a colleague may be a customer.
SELECT
    s.send_id,
    s.plan_id,
    s.campaign,
    s.purpose,
    s.occasion,
    s.message_id,
    s.attempts,
    s.priority,
    s.is_test,
    s.variant,
    cp.address,
    CASE WHEN NOT s.is_test THEN cu.given_name END AS given_name,
    -- who chose a language gets it; who reads it anyway keeps the formats of her region
    CASE
        WHEN f.language IS NULL OR lower(split_part(replace(cu.locale, '_', '-'), '-', 1)) = f.language THEN cu.locale
        ELSE f.language
    END AS locale,
    coalesce(pr.products, '[]') AS products
FROM activation.sends AS s
INNER JOIN core.contact_points AS cp ON s.contact_point_id = cp.contact_point_id
LEFT JOIN core.customers AS cu ON coalesce(s.customer_id, cp.customer_id) = cu.customer_id
LEFT JOIN privacy.preferences AS f ON s.contact_point_id = f.contact_point_id
CROSS JOIN
    LATERAL (
        SELECT jsonb_agg(jsonb_build_object('product_id', p.product_id, 'name', p.product_name) ORDER BY i.place) AS products
        FROM
            jsonb_array_elements_text(
                CASE jsonb_typeof(s.content -> 'product_ids') WHEN 'array' THEN s.content -> 'product_ids' ELSE '[]' END
            ) WITH ORDINALITY AS i (product_id, place)
        INNER JOIN marts.products AS p ON p.product_id = i.product_id::bigint
    ) AS pr
WHERE
    s.state = 'claimed'
    AND s.claim_token = %(token)s
    AND s.send_id = any(%(send_ids)s::bigint[])
ORDER BY s.priority, s.send_after, s.send_id;

-- name: plan
-- What a plan has frozen: the definition that its messages are written from.
SELECT
    p.definition,
    p.business_date
FROM activation.plans AS p
WHERE p.plan_id = %(plan_id)s;

-- name: lock_people
-- Whose messages are counted by `begin` in the same transaction: one row per person of whom a cap counts, and one per address for which
-- somebody chose how often (several customers may share it); made when it is first needed, locked in the order of the numbers, those
-- of addresses, which are below zero, first. A row that exists is not changed, only locked: that is what the false condition does.
INSERT INTO activation.contact_locks AS l (person_id)
WITH counted AS (
    SELECT
        -s.contact_point_id AS address_id,
        coalesce(cu.merged_into, s.customer_id, -s.contact_point_id) AS person_id,
        s.purpose = any(%(capped)s::text[]) AS is_capped,
        s.purpose = 'marketing' AND EXISTS (
            SELECT 1 FROM privacy.preferences AS f
            WHERE f.contact_point_id = s.contact_point_id AND f.max_messages IS NOT NULL
        ) AS has_chosen
    FROM activation.sends AS s
    LEFT JOIN core.customers AS cu ON s.customer_id = cu.customer_id
    WHERE s.send_id = any(%(send_ids)s::bigint[])
)

SELECT c.person_id
FROM counted AS c
WHERE c.is_capped
UNION
SELECT c.address_id AS person_id
FROM counted AS c
WHERE c.has_chosen
ORDER BY person_id
ON CONFLICT (person_id) DO UPDATE
    SET person_id = excluded.person_id
    WHERE FALSE;

-- name: begin
-- `claimed` to `sending`, and the last look at consent, suppression, the campaign's switch, the plan, the contact policy and the
-- expiry: this commits before the transport is called. Rows that another holds locked are left out, so that the snapshot is as
-- young as the statement.
WITH mine AS (
    SELECT
        s.send_id,
        s.plan_id,
        s.campaign,
        s.channel,
        s.purpose,
        s.contact_point_id,
        s.customer_id,
        s.is_test,
        s.priority,
        s.send_after,
        s.expires_at
    FROM activation.sends AS s
    WHERE
        s.send_id = any(%(send_ids)s::bigint[])
        AND s.state = 'claimed'
        AND s.claim_token = %(token)s
        AND (s.lease_until > %(now)s) IS TRUE -- so that nobody looks for it by `sends_leased`, among all that is claimed
    ORDER BY s.send_id
    FOR UPDATE SKIP LOCKED
),

people AS MATERIALIZED ( -- who is left of those who turned out to be one; an account of the shop's own is its contact point
    SELECT
        m.send_id,
        cu.time_zone,
        coalesce(cu.merged_into, m.customer_id, -m.contact_point_id) AS person_id
    FROM mine AS m
    LEFT JOIN core.customers AS cu ON m.customer_id = cu.customer_id
),

verdicts AS MATERIALIZED ( -- judged once, not at each mention below
    SELECT
        m.send_id,
        CASE
            WHEN m.expires_at <= %(now)s THEN 'expired'
            WHEN EXISTS (
                SELECT 1 FROM activation.plans AS l
                WHERE l.plan_id = m.plan_id AND l.state = 'cancelled'
            ) THEN 'cancelled'
            WHEN EXISTS (
                SELECT 1 FROM activation.campaign_states AS c
                WHERE c.campaign = m.campaign AND c.is_paused
            ) THEN 'paused'
            WHEN EXISTS (
                SELECT 1 FROM activation.channel_states AS w
                WHERE w.channel = m.channel AND w.is_paused
            ) THEN 'paused'
            WHEN EXISTS (
                SELECT 1 FROM core.contact_points AS g
                WHERE g.contact_point_id = m.contact_point_id AND g.address = ''
            ) THEN 'no_contact_point'
            WHEN EXISTS (
                SELECT 1
                FROM core.contact_points AS cp
                INNER JOIN privacy.suppressions AS x ON cp.channel = x.channel AND cp.address_hash = x.address_hash
                WHERE
                    cp.contact_point_id = m.contact_point_id
                    AND NOT (m.purpose = 'transactional' AND NOT m.is_test AND x.reason = 'unsubscribed')
            ) THEN 'suppressed'
            -- what another system is told of a person; nothing of who has been erased since
            WHEN m.purpose = 'post' AND EXISTS (
                SELECT 1
                FROM people AS o
                INNER JOIN core.customers AS k ON o.person_id = k.customer_id
                WHERE o.send_id = m.send_id AND k.is_deleted
            ) THEN 'customer_gone'
            -- the shop's own accounts need nobody's consent
            WHEN m.purpose = 'post' THEN 'may_send'
            -- about an order of theirs, unless they forbade it
            WHEN m.purpose = 'transactional' AND NOT EXISTS (
                SELECT 1 FROM privacy.consents AS c
                WHERE
                    c.contact_point_id = m.contact_point_id
                    AND c.channel = m.channel
                    AND c.purpose = m.purpose
                    AND NOT c.granted
            ) THEN 'may_send'
            WHEN EXISTS (
                SELECT 1 FROM privacy.consents AS c
                WHERE
                    c.contact_point_id = m.contact_point_id
                    AND c.channel = m.channel
                    AND c.purpose = m.purpose
                    AND c.granted
            ) THEN 'may_send'
            ELSE 'no_consent'
        END AS verdict
    FROM mine AS m
),

awake AS MATERIALIZED ( -- of those who may be written to: who does not want this topic, who was drawn never to be, for whom it is night
    SELECT
        m.send_id,
        m.purpose,
        m.is_test,
        m.priority,
        m.send_after,
        p.person_id,
        (
            m.purpose = 'marketing' AND NOT m.is_test AND EXISTS (
                SELECT 1
                FROM privacy.preferences AS f
                INNER JOIN activation.plans AS t ON m.plan_id = t.plan_id
                WHERE f.contact_point_id = m.contact_point_id AND t.topic = any(f.unwanted_topics)
            )
        ) AS is_unwanted,
        (
            NOT m.is_test
            AND m.purpose = any(%(held_out)s::text[])
            AND activation.draw(%(holdout_salt)s, p.person_id) < %(holdout_share)s
        ) AS is_held_out,
        (
            SELECT
                max(
                    activation.quiet_until(
                        %(now)s::timestamptz,
                        activation.known_zone(p.time_zone, activation.known_zone(%(time_zone)s::text, 'UTC')),
                        q.quiet_from, q.quiet_to
                    )
                )
            FROM
                unnest(%(quiet_purposes)s::text[], %(quiet_from)s::time[], %(quiet_to)s::time[])
                    AS q (purpose, quiet_from, quiet_to)
            WHERE q.purpose = m.purpose AND NOT m.is_test
        ) AS quiet_until
    FROM mine AS m
    INNER JOIN people AS p ON m.send_id = p.send_id
    INNER JOIN verdicts AS v ON m.send_id = v.send_id AND v.verdict = 'may_send'
),

queued AS ( -- two messages for one person may stand in one window: the second may find one more than the ledger shows
    SELECT
        a.send_id,
        a.purpose,
        a.person_id,
        row_number() OVER (PARTITION BY a.person_id ORDER BY a.priority, a.send_after, a.send_id) AS place
    FROM awake AS a
    WHERE NOT a.is_test AND NOT a.is_unwanted AND NOT a.is_held_out AND a.quiet_until IS NULL AND a.purpose = any(%(capped)s::text[])
),

capped AS ( -- who has had enough, and when there is room again: when the oldest of as many as are allowed leaves the time that counts
    SELECT
        d.send_id,
        max(r.free_at) AS free_at
    FROM queued AS d
    INNER JOIN
        jsonb_to_recordset(%(caps)s::jsonb) AS k (messages integer, days integer, purposes text[], channels text[])
        ON d.purpose = any(k.purposes)
    CROSS JOIN
        LATERAL ( -- of the same window, as far as this cap is about them
            SELECT count(*) AS ahead
            FROM queued AS o
            WHERE o.person_id = d.person_id AND o.place < d.place AND o.purpose = any(k.purposes)
        ) AS w
    CROSS JOIN
        LATERAL (
            SELECT
                CASE
                    WHEN w.ahead >= k.messages THEN %(now)s::timestamptz
                    ELSE (
                        SELECT h.sending_at
                        FROM (
                            SELECT s.sending_at
                            FROM activation.sends AS s
                            WHERE
                                d.person_id > 0
                                AND s.customer_id = any(
                                    d.person_id || array(
                                        SELECT o.customer_id FROM core.customers AS o
                                        WHERE o.merged_into = d.person_id
                                    )
                                )
                                AND s.sending_at > %(now)s::timestamptz - k.days * interval '24 hours'
                                AND s.state IN ('sending', 'sent', 'unknown') AND NOT s.is_test
                                AND s.purpose = any(k.purposes)
                                AND s.channel = any(k.channels)
                            UNION ALL
                            SELECT s.sending_at
                            FROM activation.sends AS s
                            WHERE
                                d.person_id < 0
                                AND s.contact_point_id = -d.person_id
                                AND s.customer_id IS NULL
                                AND s.sending_at > %(now)s::timestamptz - k.days * interval '24 hours'
                                AND s.state IN ('sending', 'sent', 'unknown') AND NOT s.is_test
                                AND s.purpose = any(k.purposes)
                                AND s.channel = any(k.channels)
                        ) AS h
                        ORDER BY h.sending_at DESC
                        LIMIT 1 OFFSET k.messages - 1 - w.ahead
                    )
                END + k.days * interval '24 hours' AS free_at
        ) AS r
    GROUP BY d.send_id
),

chosen AS ( -- who has got as much marketing as she said, at most; few have said anything
    SELECT
        d.send_id,
        CASE
            WHEN d.ahead >= d.max_messages THEN %(now)s::timestamptz
            ELSE (
                SELECT s.sending_at
                FROM activation.sends AS s
                WHERE
                    s.contact_point_id = d.contact_point_id
                    AND s.sending_at > %(now)s::timestamptz - d.max_days * interval '24 hours'
                    AND s.state IN ('sending', 'sent', 'unknown') AND NOT s.is_test
                    AND s.purpose = 'marketing'
                ORDER BY s.sending_at DESC
                LIMIT 1 OFFSET d.max_messages - 1 - d.ahead
            )
        END + d.max_days * interval '24 hours' AS free_at
    FROM (
        SELECT
            a.send_id,
            m.contact_point_id,
            f.max_messages,
            f.max_days,
            row_number() OVER (PARTITION BY m.contact_point_id ORDER BY a.priority, a.send_after, a.send_id) - 1 AS ahead
        FROM awake AS a
        INNER JOIN mine AS m ON a.send_id = m.send_id
        INNER JOIN privacy.preferences AS f ON m.contact_point_id = f.contact_point_id AND f.max_messages IS NOT NULL
        WHERE NOT a.is_test AND NOT a.is_unwanted AND NOT a.is_held_out AND a.quiet_until IS NULL AND a.purpose = 'marketing'
    ) AS d
),

decided AS (
    SELECT
        v.send_id,
        coalesce(a.quiet_until, greatest(c.free_at, h.free_at)) AS retry_at,
        CASE
            WHEN v.verdict <> 'may_send' THEN v.verdict
            WHEN a.is_unwanted THEN 'topic_unwanted'
            WHEN a.is_held_out THEN 'holdout'
            WHEN a.quiet_until IS NOT NULL THEN 'quiet_hours'
            WHEN c.free_at IS NOT NULL THEN 'frequency_cap'
            WHEN h.free_at IS NOT NULL THEN 'frequency_choice'
            ELSE 'may_send'
        END AS verdict
    FROM verdicts AS v
    LEFT JOIN awake AS a ON v.send_id = a.send_id
    LEFT JOIN capped AS c ON v.send_id = c.send_id
    LEFT JOIN chosen AS h ON v.send_id = h.send_id
)

UPDATE activation.sends AS s
SET
    state = CASE
        WHEN d.verdict = 'may_send' THEN 'sending'
        WHEN d.verdict = 'paused' THEN 'released'
        WHEN d.verdict IN ('expired', 'cancelled') THEN d.verdict
        WHEN d.verdict IN ('quiet_hours', 'frequency_cap', 'frequency_choice') AND d.retry_at < s.expires_at THEN 'deferred'
        WHEN d.verdict = 'quiet_hours' THEN 'expired'
        ELSE 'skipped'
    END,
    reason = CASE
        WHEN d.verdict IN ('may_send', 'expired') THEN s.reason
        WHEN d.verdict = 'cancelled' THEN 'cancelled_by_person'
        ELSE d.verdict
    END,
    attempts = s.attempts + CASE d.verdict WHEN 'may_send' THEN 1 ELSE 0 END,
    send_after = CASE
        WHEN d.verdict IN ('quiet_hours', 'frequency_cap', 'frequency_choice') AND d.retry_at < s.expires_at THEN d.retry_at
        ELSE s.send_after
    END,
    claim_token = CASE d.verdict WHEN 'may_send' THEN s.claim_token END,
    lease_until = CASE d.verdict WHEN 'may_send' THEN %(lease_until)s::timestamptz END,
    sending_at = CASE d.verdict WHEN 'may_send' THEN %(now)s::timestamptz ELSE s.sending_at END,
    settled_at = CASE
        WHEN
            d.verdict NOT IN ('may_send', 'paused')
            AND NOT (d.verdict IN ('quiet_hours', 'frequency_cap', 'frequency_choice') AND d.retry_at < s.expires_at)
            THEN %(now)s::timestamptz
    END
FROM decided AS d
WHERE s.send_id = d.send_id
RETURNING s.send_id, s.state;

-- name: settle
-- What became of the messages of a window. `unknown` may still be settled by the sender whose token it carries: it comes
-- back late, but it knows. A row that has been claimed again carries another token and is not touched. Where a person has
-- decided meanwhile (decide_unknown), only its `sent` is news: it is believed until the row is claimed again. What has expired or
-- was cancelled and still has the token was to be sent again.
-- Of what the sender does not know a report may have come while it waited for the answer: the other side had it.
-- A message that was never handed to the transport gets its attempt back. A next try after the expiry is none: `expired`.
WITH outcomes AS (
    SELECT
        o.send_id,
        o.state,
        o.reason,
        o.retry_at,
        o.is_tried,
        o.state = 'unknown' AND EXISTS (
            SELECT 1 FROM activation.delivery_events AS e
            WHERE e.send_id = o.send_id
        ) AS is_reported
    FROM unnest(
        %(send_ids)s::bigint[], %(states)s::text[], %(reasons)s::text[],
        %(retry_ats)s::timestamptz[], %(tried)s::boolean[]
    ) AS o (send_id, state, reason, retry_at, is_tried)
)

UPDATE activation.sends AS s
SET
    state = CASE
        WHEN o.is_reported THEN 'sent'
        WHEN o.state = 'deferred' AND o.retry_at >= s.expires_at THEN 'expired'
        ELSE o.state
    END,
    reason = CASE WHEN o.is_reported THEN 'settled_by_report' ELSE o.reason END,
    send_after = CASE o.state WHEN 'deferred' THEN o.retry_at ELSE s.send_after END,
    attempts = s.attempts - CASE WHEN o.is_tried THEN 0 ELSE 1 END,
    claim_token = CASE WHEN o.state <> 'deferred' THEN s.claim_token END,
    lease_until = NULL,
    settled_at = %(now)s
FROM outcomes AS o
WHERE
    s.send_id = o.send_id
    AND s.claim_token = %(token)s
    AND (
        s.state IN ('sending', 'unknown')
        OR (
            o.state = 'sent'
            AND (s.state IN ('released', 'expired', 'cancelled') OR (s.state = 'failed' AND s.reason = 'given_up'))
        )
    )
RETURNING s.send_id, s.state;

-- name: give_back
-- What was claimed and not begun, when the run ends before it is done: `released`, or `deferred` when the server asks for patience.
UPDATE activation.sends AS s
SET
    state = %(state)s,
    reason = coalesce(%(reason)s, s.reason),
    send_after = coalesce(%(retry_at)s::timestamptz, s.send_after),
    claim_token = NULL,
    lease_until = NULL
WHERE
    s.send_id = any(%(send_ids)s::bigint[])
    AND s.state = 'claimed'
    AND s.claim_token = %(token)s
RETURNING s.send_id;

-- name: put_off
-- What was claimed and not begun, each until a time of its own: not a try.
UPDATE activation.sends AS s
SET
    state = 'deferred',
    reason = %(reason)s,
    send_after = o.retry_at,
    claim_token = NULL,
    lease_until = NULL
FROM unnest(%(send_ids)s::bigint[], %(retry_ats)s::timestamptz[]) AS o (send_id, retry_at)
WHERE
    s.send_id = o.send_id
    AND s.state = 'claimed'
    AND s.claim_token = %(token)s
RETURNING s.send_id;

-- name: bounces_record
-- In the transaction of `settle`, of those that it has just settled: the report, and nobody may write there any more.
WITH bounced AS (
    SELECT
        s.send_id,
        s.campaign,
        s.channel,
        s.contact_point_id,
        s.sending_at,
        b.code,
        b.event_id
    FROM unnest(%(send_ids)s::bigint[], %(codes)s::text[], %(event_ids)s::uuid[]) AS b (send_id, code, event_id)
    INNER JOIN activation.sends AS s ON b.send_id = s.send_id
    WHERE
        s.state = 'failed'
        AND s.claim_token = %(token)s
        AND s.settled_at = %(now)s
),

shut_out AS (
    INSERT INTO privacy.suppressions AS x (channel, address_hash, reason, since)
    SELECT DISTINCT
        cp.channel,
        cp.address_hash,
        'hard_bounce' AS reason,
        %(now)s::timestamptz AS since
    FROM bounced AS b
    INNER JOIN core.contact_points AS cp ON b.contact_point_id = cp.contact_point_id
    WHERE cp.address <> ''
    ORDER BY cp.channel, cp.address_hash
    ON CONFLICT (channel, address_hash) DO UPDATE
        SET reason = excluded.reason, since = excluded.since
        WHERE x.reason = 'unsubscribed'
)

INSERT INTO activation.delivery_events (
    event_id, send_id, campaign, channel, kind, occurred_at, recorded_at, handed_over_at, source, code
)
SELECT
    b.event_id,
    b.send_id,
    b.campaign,
    b.channel,
    'bounce_hard' AS kind,
    %(now)s AS occurred_at,
    %(now)s AS recorded_at,
    b.sending_at,
    'server' AS source,
    b.code
FROM bounced AS b
ON CONFLICT (event_id) DO NOTHING
RETURNING send_id;

-- name: renew
-- The sender is slow, not dead.
UPDATE activation.sends AS s
SET lease_until = %(lease_until)s
WHERE
    s.send_id = any(%(send_ids)s::bigint[])
    AND s.state IN ('claimed', 'sending')
    AND s.claim_token = %(token)s
    AND s.lease_until > %(now)s
RETURNING s.send_id;
