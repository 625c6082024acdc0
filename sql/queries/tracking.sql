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
RETURNING e.verdict;

-- name: judge_links
-- Several different links of one message within a moment: no person clicks so fast.
WITH touched AS (
    SELECT DISTINCT
        o.event_id,
        o.send_id,
        o.occurred_at
    FROM activation.tracking_events AS n
    INNER JOIN activation.tracking_events AS o
        ON
            n.send_id = o.send_id
            AND o.occurred_at >= n.occurred_at - make_interval(secs => %(moment_seconds)s)
            AND o.occurred_at <= n.occurred_at + make_interval(secs => %(moment_seconds)s)
    WHERE
        n.event_id = any(%(event_ids)s::uuid[]) AND n.kind = 'click' AND o.kind = 'click'
),

bursts AS (
    SELECT
        t.send_id,
        t.occurred_at AS begins
    FROM touched AS t
    INNER JOIN activation.tracking_events AS o
        ON
            t.send_id = o.send_id
            AND t.occurred_at <= o.occurred_at
            AND o.occurred_at <= t.occurred_at + make_interval(secs => %(moment_seconds)s)
    WHERE o.kind = 'click'
    GROUP BY t.event_id, t.send_id, t.occurred_at
    HAVING count(DISTINCT o.url) >= %(moment_links)s
)

UPDATE activation.tracking_events AS e
SET
    verdict = 'scanner',
    verdict_reason = 'many_links_at_once'
FROM bursts AS b
WHERE
    e.send_id = b.send_id
    AND e.occurred_at BETWEEN b.begins AND b.begins + make_interval(secs => %(moment_seconds)s)
    AND e.kind = 'click'
    AND e.verdict = 'person'
RETURNING e.verdict;

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
    SELECT
        m.network_hash,
        m.begins
    FROM minutes AS m
    INNER JOIN activation.tracking_events AS o
        ON
            m.network_hash = o.network_hash
            AND m.begins <= o.occurred_at
            AND o.occurred_at < m.begins + interval '1 minute'
    WHERE o.kind = 'click'
    GROUP BY m.network_hash, m.begins
    HAVING count(DISTINCT o.send_id) >= %(minute_messages)s
)

UPDATE activation.tracking_events AS e
SET
    verdict = 'scanner',
    verdict_reason = 'many_messages_at_once'
FROM busy AS b
WHERE
    e.network_hash = b.network_hash
    AND e.occurred_at >= b.begins
    AND e.occurred_at < b.begins + interval '1 minute'
    AND e.kind = 'click'
    AND e.verdict = 'person'
RETURNING e.verdict;

-- name: judge_neighbours
-- What came from a scanner's network for the same message within a minute of it is the scanner's too.
UPDATE activation.tracking_events AS e
SET
    verdict = 'scanner',
    verdict_reason = 'beside_a_scanner'
WHERE
    e.send_id = any(%(send_ids)s::bigint[])
    AND e.verdict = 'person'
    AND e.network_hash IS NOT NULL
    AND EXISTS (
        SELECT
        FROM activation.tracking_events AS o
        WHERE
            o.send_id = e.send_id
            AND o.network_hash = e.network_hash
            AND o.verdict = 'scanner'
            AND o.verdict_reason <> 'beside_a_scanner'
            AND o.occurred_at BETWEEN e.occurred_at - interval '1 minute' AND e.occurred_at + interval '1 minute'
    )
RETURNING e.verdict;

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
