-- step: replace
DELETE FROM marts.campaign_performance;

-- step: fill
INSERT INTO marts.campaign_performance (
    campaign, occasion, channel, planned, sent, failed, unknown, waiting, skipped, ended_unsent, unsubscribed,
    buyers, revenue, attribution_days, first_sent_at, last_sent_at
)
WITH counted AS (
    SELECT
        s.campaign,
        s.occasion,
        s.channel,
        count(*) AS planned,
        count(*) FILTER (WHERE s.state = 'sent') AS sent,
        count(*) FILTER (WHERE s.state = 'failed') AS failed,
        count(*) FILTER (WHERE s.state = 'unknown') AS unknown,
        count(*) FILTER (WHERE s.state IN ('planned', 'released', 'claimed', 'sending', 'deferred')) AS waiting,
        count(*) FILTER (WHERE s.state = 'skipped') AS skipped,
        count(*) FILTER (WHERE s.state IN ('cancelled', 'expired')) AS ended_unsent,
        min(s.settled_at) FILTER (WHERE s.state = 'sent') AS first_sent_at,
        max(s.settled_at) FILTER (WHERE s.state = 'sent') AS last_sent_at
    FROM activation.sends AS s
    GROUP BY s.campaign, s.occasion, s.channel
),

unsubscribed AS (
    SELECT
        s.campaign,
        s.occasion,
        s.channel,
        count(DISTINCT s.send_id) AS people
    FROM privacy.consent_events AS e
    INNER JOIN activation.sends AS s ON e.send_id = s.send_id
    WHERE NOT e.granted
    GROUP BY s.campaign, s.occasion, s.channel
),

-- An order counts for every message that its customer got within the window before it, and once for each.
bought AS (
    SELECT
        s.campaign,
        s.occasion,
        s.channel,
        count(DISTINCT o.customer_id) AS buyers,
        sum(o.revenue) AS revenue
    FROM activation.sends AS s
    INNER JOIN core.orders AS o
        ON
            s.customer_id = o.customer_id
            AND o.ordered_at > s.settled_at
            AND o.ordered_at <= s.settled_at + make_interval(days => %(attribution_days)s::integer)
    WHERE s.state = 'sent'
    GROUP BY s.campaign, s.occasion, s.channel
)

SELECT
    c.campaign,
    c.occasion,
    c.channel,
    c.planned,
    c.sent,
    c.failed,
    c.unknown,
    c.waiting,
    c.skipped,
    c.ended_unsent,
    coalesce(u.people, 0),
    coalesce(b.buyers, 0),
    coalesce(b.revenue, 0),
    %(attribution_days)s::integer,
    c.first_sent_at,
    c.last_sent_at
FROM counted AS c
LEFT JOIN unsubscribed AS u
    ON c.campaign = u.campaign AND c.occasion = u.occasion AND c.channel = u.channel
LEFT JOIN bought AS b
    ON c.campaign = b.campaign AND c.occasion = b.occasion AND c.channel = b.channel;
