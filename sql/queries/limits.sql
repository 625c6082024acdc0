-- Statements of the room `delivery` about limits that all senders share, and about the automatic stop.

-- name: budgets_open
-- Rows for what is limited, if there are none yet.
INSERT INTO activation.rate_budgets (scope, ready_at, booked_at, changed_at)
SELECT
    o.scope,
    %(now)s AS ready_at,
    %(now)s AS booked_at,
    %(now)s AS changed_at
FROM unnest(%(scopes)s::text[]) AS o (scope)
ORDER BY o.scope
ON CONFLICT (scope) DO NOTHING;

-- name: take
-- Takes what each scope still has, at most what is wanted, and says when there is more. One statement, committed at once:
-- the row is locked while it is counted and never while anything is sent. No period holds more than its limit: hours are
-- counted by minutes and days by quarters, and each slot counts until all of it is out of the period. What stands in
-- the future was written before the clock was set back: it counts as taken now, so it is free again after one period.
WITH asked AS (
    SELECT
        a.scope,
        a.wanted,
        a.per_second,
        a.per_hour,
        a.per_day,
        a.burst
    FROM unnest(
        %(scopes)s::text[], %(wanted)s::integer[], %(per_seconds)s::float8[], %(per_hours)s::integer[],
        %(per_days)s::integer[], %(bursts)s::float8[]
    ) AS a (scope, wanted, per_second, per_hour, per_day, burst)
),

held AS (
    SELECT
        b.scope,
        b.ready_at,
        b.booked_at,
        b.hour_slots,
        b.hour_counts,
        b.day_slots,
        b.day_counts,
        a.wanted,
        a.per_second,
        a.per_hour,
        a.per_day,
        a.burst,
        floor(extract(EPOCH FROM %(now)s::timestamptz) / 60)::integer AS this_minute,
        floor(extract(EPOCH FROM %(now)s::timestamptz) / 900)::integer AS this_quarter
    FROM activation.rate_budgets AS b
    INNER JOIN asked AS a ON b.scope = a.scope
    ORDER BY b.scope
    FOR UPDATE OF b
),

-- of the last second's rate: how much of it is used up, in seconds; never more than an honest clock can have written
used AS (
    SELECT
        h.*,
        least(
            greatest(extract(EPOCH FROM h.ready_at - %(now)s::timestamptz), 0)::float8,
            greatest(h.burst, 1 / h.per_second)
        ) AS lead,
        hours.taken AS hour_taken,
        hours.oldest AS hour_oldest,
        days.taken AS day_taken,
        days.oldest AS day_oldest
    FROM held AS h
    CROSS JOIN
        LATERAL (
            SELECT
                coalesce(sum(u.taken), 0) AS taken,
                min(least(u.slot, h.this_minute)) AS oldest
            FROM unnest(h.hour_slots, h.hour_counts) AS u (slot, taken)
            WHERE u.slot >= h.this_minute - 60
        ) AS hours
    CROSS JOIN LATERAL (
        SELECT
            coalesce(sum(u.taken), 0) AS taken,
            min(least(u.slot, h.this_quarter)) AS oldest
        FROM unnest(h.day_slots, h.day_counts) AS u (slot, taken)
        WHERE u.slot >= h.this_quarter - 96
    ) AS days
),

rooms AS (
    SELECT
        u.*,
        CASE
            WHEN u.per_second IS NULL THEN u.wanted
            WHEN u.lead = 0 THEN greatest(1, floor(u.burst * u.per_second))
            ELSE greatest(0, floor((u.burst - u.lead) * u.per_second + 1e-6))
        END AS second_room,
        greatest(0, coalesce(u.per_hour - u.hour_taken, u.wanted)) AS hour_room,
        greatest(0, coalesce(u.per_day - u.day_taken, u.wanted)) AS day_room,
        to_timestamp((coalesce(u.hour_oldest, u.this_minute) + 61) * 60::float8) AS hour_free_at,
        to_timestamp((coalesce(u.day_oldest, u.this_quarter) + 97) * 900::float8) AS day_free_at,
        -- the time from one message to the next in the long run, in seconds
        greatest(coalesce(1 / u.per_second, 0), coalesce(3600.0 / u.per_hour, 0), coalesce(86400.0 / u.per_day, 0)) AS spacing
    FROM used AS u
),

granted AS (
    SELECT
        r.*,
        g.count,
        CASE
            WHEN g.count >= r.wanted THEN NULL
            WHEN r.day_room <= g.count THEN 'day'
            WHEN r.hour_room <= g.count THEN 'hour'
            ELSE 'second'
        END AS bound
    FROM rooms AS r
    CROSS JOIN LATERAL (
        SELECT least(r.wanted, r.second_room, r.hour_room, r.day_room)::integer AS count
    ) AS g
),

-- when the first of those that got none may try again; the others follow, one spacing after the other
answers AS (
    SELECT
        g.*,
        CASE g.bound
            WHEN 'day' THEN g.day_free_at
            WHEN 'hour' THEN g.hour_free_at
            ELSE
                %(now)s::timestamptz
                + make_interval(secs => greatest(g.lead + (g.count + 1) / g.per_second - g.burst, g.spacing))
        END AS free_at
    FROM granted AS g
),

booked AS (
    SELECT
        a.*,
        greatest(
            a.free_at,
            CASE
                WHEN a.booked_at <= %(now)s::timestamptz + make_interval(secs => %(horizon)s)
                    THEN a.booked_at + make_interval(secs => a.spacing)
            END
        ) AS queue_at
    FROM answers AS a
),

-- what is kept: the slots that still count, with what has just been taken
kept AS (
    SELECT
        k.*,
        hours.slots AS new_hour_slots,
        hours.counts AS new_hour_counts,
        days.slots AS new_day_slots,
        days.counts AS new_day_counts
    FROM booked AS k
    CROSS JOIN
        LATERAL (
            SELECT
                coalesce(array_agg(s.slot ORDER BY s.slot), '{}') AS slots,
                coalesce(array_agg(s.taken ORDER BY s.slot), '{}') AS counts
            FROM (
                SELECT
                    least(u.slot, k.this_minute) AS slot,
                    sum(u.taken)::integer AS taken
                FROM unnest(k.hour_slots || k.this_minute, k.hour_counts || k.count) AS u (slot, taken)
                WHERE k.per_hour IS NOT NULL AND u.slot >= k.this_minute - 60
                GROUP BY least(u.slot, k.this_minute)
                HAVING sum(u.taken) > 0
            ) AS s
        ) AS hours
    CROSS JOIN LATERAL (
        SELECT
            coalesce(array_agg(s.slot ORDER BY s.slot), '{}') AS slots,
            coalesce(array_agg(s.taken ORDER BY s.slot), '{}') AS counts
        FROM (
            SELECT
                least(u.slot, k.this_quarter) AS slot,
                sum(u.taken)::integer AS taken
            FROM unnest(k.day_slots || k.this_quarter, k.day_counts || k.count) AS u (slot, taken)
            WHERE k.per_day IS NOT NULL AND u.slot >= k.this_quarter - 96
            GROUP BY least(u.slot, k.this_quarter)
            HAVING sum(u.taken) > 0
        ) AS s
    ) AS days
)

UPDATE activation.rate_budgets AS b
SET
    -- who gets nothing takes nothing back: what others have taken stands, when their clocks are a little ahead of this one. By so
    -- much more than that, it was written by a clock that was wrong.
    ready_at = CASE
        WHEN
            k.count = 0
            AND k.ready_at <= %(now)s::timestamptz + make_interval(secs => greatest(k.burst, 1 / k.per_second) + 5)
            THEN k.ready_at
        ELSE %(now)s::timestamptz + make_interval(secs => k.lead + coalesce(k.count / k.per_second, 0))
    END,
    hour_slots = k.new_hour_slots,
    hour_counts = k.new_hour_counts,
    day_slots = k.new_day_slots,
    day_counts = k.new_day_counts,
    booked_at = least(
        CASE
            WHEN k.bound IS NULL OR NOT %(books)s THEN k.booked_at
            ELSE k.queue_at + make_interval(secs => (k.wanted - k.count - 1) * k.spacing)
        END,
        %(now)s::timestamptz + make_interval(secs => %(horizon)s)
    ),
    changed_at = %(now)s
FROM kept AS k
WHERE b.scope = k.scope
RETURNING b.scope, k.count, k.bound, k.free_at, k.queue_at, k.spacing, k.lead + coalesce(k.count / k.per_second, 0) AS ahead;

-- name: budgets_forget
-- What nobody has taken anything of for longer than any period.
DELETE FROM activation.rate_budgets AS b
WHERE b.changed_at < %(before)s AND b.booked_at < %(before)s;

-- name: counts_forget
DELETE FROM activation.delivery_counts AS c
WHERE c.counted_at < %(before)s;

-- name: counts_add
-- In the order of the keys: two senders never wait for each other in a circle.
INSERT INTO activation.delivery_counts AS c (channel, campaign, counted_at, answered)
SELECT
    %(channel)s,
    a.campaign,
    date_trunc('minute', %(now)s::timestamptz) AS counted_at,
    a.answered
FROM unnest(%(campaigns)s::text[], %(answered)s::bigint[]) AS a (campaign, answered)
ORDER BY a.campaign
ON CONFLICT (channel, campaign, counted_at) DO UPDATE
    SET answered = c.answered + excluded.answered;

-- name: stop_campaigns
-- Turns off the campaigns whose bounces or complaints pass the limit, among what was handed over in the window and since
-- somebody turned the campaign on; a message with several reports counts once, a test not at all. Who is off already stays as
-- she is.
WITH reported AS (
    SELECT
        e.campaign,
        e.handed_over_at,
        e.kind,
        e.send_id
    FROM activation.delivery_events AS e
    INNER JOIN activation.sends AS s ON e.send_id = s.send_id AND NOT s.is_test
    WHERE
        e.channel = %(channel)s
        AND e.kind IN ('bounce_hard', 'complaint')
        AND e.handed_over_at > %(since)s::timestamptz
),

bad AS (
    SELECT
        r.campaign,
        coalesce(max(c.changed_at), %(since)s::timestamptz) AS counted_from,
        count(DISTINCT r.send_id) FILTER (WHERE r.kind = 'bounce_hard') AS bounces,
        count(DISTINCT r.send_id) FILTER (WHERE r.kind = 'complaint') AS complaints
    FROM reported AS r
    LEFT JOIN activation.campaign_states AS c ON r.campaign = c.campaign
    WHERE
        NOT coalesce(c.is_paused, FALSE)
        AND (c.changed_at IS NULL OR r.handed_over_at >= c.changed_at)
    GROUP BY r.campaign
),

shares AS (
    SELECT
        b.campaign,
        b.bounces,
        b.complaints,
        a.answered
    FROM bad AS b
    CROSS JOIN
        LATERAL (
            SELECT coalesce(sum(n.answered), 0) AS answered
            FROM activation.delivery_counts AS n
            WHERE
                n.channel = %(channel)s
                AND n.campaign = b.campaign
                AND n.counted_at >= date_trunc('minute', greatest(b.counted_from, %(since)s::timestamptz))
        ) AS a
    WHERE b.bounces >= %(reports)s OR b.complaints >= %(reports)s
),

passed AS (
    SELECT
        s.campaign,
        activation.reason_to_stop(
            s.bounces, s.complaints, s.answered, %(reports)s, %(bounces_percent)s, %(complaints_percent)s
        ) AS reason
    FROM shares AS s
    WHERE s.answered >= %(at_least)s
)

INSERT INTO activation.campaign_states AS c (campaign, is_paused, changed_at, changed_by, reason)
SELECT
    p.campaign,
    TRUE AS is_paused,
    %(now)s AS changed_at,
    'auto-stop' AS changed_by,
    p.reason
FROM passed AS p
WHERE p.reason IS NOT NULL
ORDER BY p.campaign
ON CONFLICT (campaign) DO UPDATE
    SET
        is_paused = TRUE,
        changed_at = excluded.changed_at,
        changed_by = excluded.changed_by,
        reason = excluded.reason
    WHERE NOT c.is_paused
RETURNING c.campaign, c.reason;

-- name: stop_channel
-- The same over all campaigns of the channel that are on: who is off does no more harm, and stops nobody else.
WITH campaigns AS (
    SELECT
        n.campaign,
        greatest(%(since)s::timestamptz, w.changed_at, c.changed_at) AS since
    FROM (
        SELECT DISTINCT d.campaign FROM activation.delivery_counts AS d
        WHERE d.channel = %(channel)s AND d.counted_at >= date_trunc('minute', %(since)s::timestamptz)
    ) AS n
    LEFT JOIN activation.campaign_states AS c ON n.campaign = c.campaign
    LEFT JOIN activation.channel_states AS w ON w.channel = %(channel)s
    WHERE NOT coalesce(c.is_paused, FALSE)
),

bad AS (
    SELECT
        count(DISTINCT e.send_id) FILTER (WHERE e.kind = 'bounce_hard') AS bounces,
        count(DISTINCT e.send_id) FILTER (WHERE e.kind = 'complaint') AS complaints
    FROM activation.delivery_events AS e
    INNER JOIN campaigns AS c ON e.campaign = c.campaign AND e.handed_over_at >= c.since
    INNER JOIN activation.sends AS s ON e.send_id = s.send_id AND NOT s.is_test
    WHERE
        e.channel = %(channel)s
        AND e.kind IN ('bounce_hard', 'complaint')
        AND e.handed_over_at > %(since)s::timestamptz
),

shares AS (
    SELECT
        b.bounces,
        b.complaints,
        (
            SELECT coalesce(sum(n.answered), 0) FROM activation.delivery_counts AS n
            INNER JOIN campaigns AS c ON n.campaign = c.campaign
            WHERE n.channel = %(channel)s AND n.counted_at >= date_trunc('minute', c.since)
        ) AS answered
    FROM bad AS b
    WHERE b.bounces >= %(reports)s OR b.complaints >= %(reports)s
),

passed AS (
    SELECT
        activation.reason_to_stop(
            s.bounces, s.complaints, s.answered, %(reports)s, %(bounces_percent)s, %(complaints_percent)s
        ) AS reason
    FROM shares AS s
    WHERE s.answered >= %(at_least)s
)

INSERT INTO activation.channel_states AS c (channel, is_paused, changed_at, changed_by, reason)
SELECT
    %(channel)s,
    TRUE AS is_paused,
    %(now)s AS changed_at,
    'auto-stop' AS changed_by,
    p.reason
FROM passed AS p
WHERE p.reason IS NOT NULL
ON CONFLICT (channel) DO UPDATE
    SET
        is_paused = TRUE,
        changed_at = excluded.changed_at,
        changed_by = excluded.changed_by,
        reason = excluded.reason
    WHERE NOT c.is_paused
RETURNING c.reason;

-- name: channel_switch
INSERT INTO activation.channel_states AS c (channel, is_paused, changed_at, changed_by, reason)
VALUES (%(channel)s, %(paused)s, %(now)s, %(by)s, %(reason)s)
ON CONFLICT (channel) DO UPDATE
    SET
        is_paused = excluded.is_paused,
        changed_at = excluded.changed_at,
        changed_by = excluded.changed_by,
        reason = excluded.reason
    WHERE c.is_paused IS DISTINCT FROM excluded.is_paused
RETURNING c.channel;

-- name: channel_state
SELECT
    c.changed_at,
    c.changed_by,
    c.reason
FROM activation.channel_states AS c
WHERE c.channel = %(channel)s AND c.is_paused;

-- name: campaign_stop
-- Why a campaign has stopped by itself, also when somebody holds it since: a reason with a limit in it is no person's note.
SELECT
    c.reason,
    c.changed_at,
    c.is_held
FROM activation.campaign_states AS c
WHERE
    c.campaign = %(campaign)s
    AND c.is_paused
    AND c.reason IS NOT NULL
    AND (NOT c.is_held OR c.reason LIKE '%%, the limit is %%');
