-- Statements about opens and clicks: taking them in, and judging who made them. A verdict turns from person to something
-- else when later events tell more, and never back: no event takes away what spoke against it.

-- name: store
-- New ones only; those of messages that the ledger does not have are counted and left out.
WITH came AS (
    SELECT u.*
    FROM
        unnest(
            %(event_ids)s::uuid[], %(kinds)s::text[], %(send_ids)s::bigint[], %(urls)s::text[], %(times)s::timestamptz[],
            %(methods)s::text[], %(clients)s::text[], %(networks)s::bytea[]
        ) AS u (event_id, kind, send_id, url, occurred_at, method, client, network_hash)
),

known AS (
    SELECT
        c.*,
        s.campaign,
        s.channel,
        s.is_simulated
    FROM came AS c
    INNER JOIN activation.sends AS s ON c.send_id = s.send_id
),

stored AS (
    INSERT INTO activation.tracking_events (
        event_id, send_id, campaign, channel, kind, url, occurred_at, recorded_at, verdict, client, network_hash, method,
        is_simulated
    )
    SELECT
        k.event_id,
        k.send_id,
        k.campaign,
        k.channel,
        k.kind,
        k.url,
        k.occurred_at,
        %(now)s AS recorded_at,
        'person' AS verdict,
        k.client,
        k.network_hash,
        k.method,
        k.is_simulated
    FROM known AS k
    ON CONFLICT (event_id) DO NOTHING
    RETURNING 1
)

SELECT
    (SELECT count(*) FROM stored) AS stored,
    (SELECT count(*) FROM came) - (SELECT count(*) FROM known) AS unknown;

-- name: judge_alone
-- By itself: what program it was, how it asked, and how soon after the message was handed over.
UPDATE activation.tracking_events AS e
SET
    verdict = CASE WHEN v.reason = any(%(proxies)s::text[]) THEN 'proxy' ELSE 'scanner' END,
    verdict_reason = v.reason
FROM (
    SELECT
        t.event_id,
        CASE
            WHEN t.client = any(%(proxies)s::text[]) AND t.kind <> 'click' THEN t.client
            WHEN t.client = any(%(proxies)s::text[]) THEN 'proxy_clicked'
            WHEN t.client IN ('security_program', 'robot') THEN t.client
            WHEN t.client = 'unnamed' THEN 'unnamed_program'
            WHEN t.method = 'HEAD' THEN 'head_request'
            WHEN
                t.occurred_at < coalesce(s.sending_at, s.settled_at) + make_interval(
                    secs => CASE t.kind WHEN 'click' THEN %(click_seconds)s ELSE %(open_seconds)s END
                )
                THEN 'right_after_handover'
        END AS reason
    FROM activation.tracking_events AS t
    INNER JOIN activation.sends AS s ON t.send_id = s.send_id
    WHERE t.event_id = any(%(event_ids)s::uuid[]) AND t.verdict = 'person'
) AS v
WHERE e.event_id = v.event_id AND v.reason IS NOT NULL
RETURNING e.event_id, e.verdict;

-- name: judge_links
-- Several different links of one message within a moment: no person clicks so fast. Here and below, what stands near an event is looked
-- up event by event in an index, whatever the planner believes of the table: somebody who fetches one link for days makes many rows
-- of one message or of one network, and all of them joined with each other would never end. LIMIT keeps a lookup what it is.
WITH touched AS (
    SELECT DISTINCT
        o.event_id,
        o.send_id,
        o.occurred_at
    FROM activation.tracking_events AS n
    CROSS JOIN
        LATERAL (
            SELECT
                t.event_id,
                t.send_id,
                t.occurred_at
            FROM activation.tracking_events AS t
            WHERE
                t.send_id = n.send_id
                AND t.occurred_at >= n.occurred_at - make_interval(secs => %(moment_seconds)s)
                AND t.occurred_at <= n.occurred_at + make_interval(secs => %(moment_seconds)s)
                AND t.kind = 'click'
            ORDER BY t.occurred_at
            LIMIT %(most)s
        ) AS o
    WHERE
        n.event_id = any(%(event_ids)s::uuid[]) AND n.kind = 'click'
),

bursts AS (
    SELECT b.event_ids
    FROM touched AS t
    CROSS JOIN
        LATERAL (
            SELECT
                array_agg(w.event_id) AS event_ids,
                count(DISTINCT w.url) AS links
            FROM (
                SELECT
                    o.event_id,
                    o.url
                FROM activation.tracking_events AS o
                WHERE
                    o.send_id = t.send_id
                    AND o.occurred_at >= t.occurred_at
                    AND o.occurred_at <= t.occurred_at + make_interval(secs => %(moment_seconds)s)
                    AND o.kind = 'click'
                ORDER BY o.occurred_at
                LIMIT %(most)s
            ) AS w
        ) AS b
    WHERE b.links >= %(moment_links)s
)

UPDATE activation.tracking_events AS e
SET
    verdict = 'scanner',
    verdict_reason = 'many_links_at_once'
FROM (SELECT DISTINCT unnest(b.event_ids) AS event_id FROM bursts AS b) AS f
WHERE e.event_id = f.event_id AND e.verdict = 'person'
RETURNING e.event_id, e.verdict;

-- name: judge_networks
-- One network that clicks in many messages within a minute: a company's program that follows all links. Minutes are counted
-- twice, from :00 and from :30, so that each half of one is looked at together with either neighbour.
WITH minutes AS (
    SELECT DISTINCT
        n.network_hash,
        m.begins
    FROM activation.tracking_events AS n
    CROSS JOIN
        LATERAL (
            VALUES
            (date_bin(interval '1 minute', n.occurred_at, timestamptz '2000-01-01 00:00:00+00')),
            (date_bin(interval '1 minute', n.occurred_at, timestamptz '2000-01-01 00:00:30+00'))
        ) AS m (begins)
    WHERE n.event_id = any(%(event_ids)s::uuid[]) AND n.kind = 'click' AND n.network_hash IS NOT NULL
),

busy AS (
    SELECT b.event_ids
    FROM minutes AS m
    CROSS JOIN
        LATERAL (
            SELECT
                array_agg(o.event_id) FILTER (WHERE o.verdict = 'person') AS event_ids,
                count(DISTINCT o.send_id) AS messages
            FROM activation.tracking_events AS o
            WHERE
                o.network_hash = m.network_hash
                AND o.occurred_at >= m.begins
                AND o.occurred_at < m.begins + interval '1 minute'
                AND o.kind = 'click'
        ) AS b
    WHERE b.messages >= %(minute_messages)s
)

UPDATE activation.tracking_events AS e
SET
    verdict = 'scanner',
    verdict_reason = 'many_messages_at_once'
FROM (SELECT DISTINCT unnest(b.event_ids) AS event_id FROM busy AS b) AS f
WHERE e.event_id = f.event_id AND e.verdict = 'person'
RETURNING e.event_id, e.verdict;

-- name: judge_neighbours
-- What came from a scanner's network for the same message within a minute of it is the scanner's too: people's events beside those
-- that have just been found to be a scanner's, and new ones beside what was found before.
WITH found AS (
    SELECT o.event_id
    FROM activation.tracking_events AS n
    CROSS JOIN
        LATERAL (
            SELECT t.event_id
            FROM activation.tracking_events AS t
            WHERE
                t.send_id = n.send_id
                AND t.occurred_at >= n.occurred_at - interval '1 minute'
                AND t.occurred_at <= n.occurred_at + interval '1 minute'
                AND t.network_hash = n.network_hash
                AND t.verdict = 'person'
            ORDER BY t.occurred_at
            LIMIT %(most)s
        ) AS o
    WHERE
        n.event_id = any(%(judged_ids)s::uuid[])
        AND n.verdict = 'scanner'
        AND n.verdict_reason <> 'beside_a_scanner'
    UNION
    SELECT n.event_id
    FROM activation.tracking_events AS n
    CROSS JOIN
        LATERAL (
            SELECT t.event_id
            FROM activation.tracking_events AS t
            WHERE
                t.send_id = n.send_id
                AND t.occurred_at >= n.occurred_at - interval '1 minute'
                AND t.occurred_at <= n.occurred_at + interval '1 minute'
                AND t.network_hash = n.network_hash
                AND t.verdict = 'scanner'
                AND t.verdict_reason <> 'beside_a_scanner'
            ORDER BY t.occurred_at
            LIMIT 1
        ) AS o
    WHERE n.event_id = any(%(event_ids)s::uuid[]) AND n.verdict = 'person'
)

UPDATE activation.tracking_events AS e
SET
    verdict = 'scanner',
    verdict_reason = 'beside_a_scanner'
FROM found AS f
WHERE e.event_id = f.event_id AND e.verdict = 'person'
RETURNING e.event_id, e.verdict;

-- name: unsettled
-- Messages of which nobody knew whether they had arrived: somebody has them.
SELECT
    s.send_id,
    min(e.occurred_at) AS occurred_at
FROM activation.sends AS s
INNER JOIN activation.tracking_events AS e ON s.send_id = e.send_id
WHERE s.send_id = any(%(send_ids)s::bigint[]) AND s.state = 'unknown'
GROUP BY s.send_id
ORDER BY s.send_id;

-- name: forget_networks
UPDATE activation.tracking_events AS e
SET network_hash = NULL
FROM (
    SELECT o.event_id
    FROM activation.tracking_events AS o
    WHERE o.network_hash IS NOT NULL AND o.occurred_at < %(before)s::timestamptz
    ORDER BY o.occurred_at
    LIMIT %(most)s
) AS old
WHERE e.event_id = old.event_id;
