-- step: merge
-- Buyers are those who were sent the message and ordered within the window after it: what followed, not what the campaign
-- caused. An order counts once for a campaign's occasion, also when the customer got the message at two addresses.
MERGE INTO marts.campaign_performance AS m
USING (
    WITH windows AS (
        SELECT
            p.plan_id,
            coalesce(
                %(attribution_days)s::integer, (p.definition -> 'campaign' ->> 'attribution_days')::integer, 7
            ) AS attribution_days
        FROM activation.plans AS p
    ),

    counted AS (
        SELECT
            s.campaign,
            s.occasion,
            s.channel,
            max(w.attribution_days) AS attribution_days,
            count(*) AS planned,
            count(*) FILTER (WHERE s.state = 'sent') AS sent,
            count(*) FILTER (WHERE s.state = 'failed') AS failed,
            count(*) FILTER (WHERE s.state = 'unknown') AS unknown,
            count(*) FILTER (WHERE s.state IN ('planned', 'released', 'claimed', 'sending', 'deferred')) AS waiting,
            count(*) FILTER (WHERE s.state = 'skipped') AS skipped,
            count(*) FILTER (WHERE s.state IN ('cancelled', 'expired')) AS ended_unsent,
            min(s.settled_at) FILTER (WHERE s.state = 'sent') AS first_sent_at,
            max(s.settled_at) FILTER (WHERE s.state = 'sent') AS last_sent_at,
            bool_or(s.is_simulated) AS is_simulated
        FROM activation.sends AS s
        INNER JOIN windows AS w ON s.plan_id = w.plan_id
        WHERE NOT s.is_test
        GROUP BY s.campaign, s.occasion, s.channel
    ),

    left_us AS (
        SELECT
            s.campaign,
            s.occasion,
            s.channel,
            count(DISTINCT s.send_id) AS unsubscribed
        FROM activation.sends AS s
        INNER JOIN privacy.consent_events AS e ON s.send_id = e.send_id
        WHERE NOT s.is_test AND NOT e.granted
        GROUP BY s.campaign, s.occasion, s.channel
    ),

    orders_after AS (
        SELECT DISTINCT
            s.campaign,
            s.occasion,
            s.channel,
            o.order_id,
            o.customer_id,
            o.revenue,
            o.is_simulated
        FROM activation.sends AS s
        INNER JOIN windows AS w ON s.plan_id = w.plan_id
        -- the ledger keeps the customer whom the message went to; her orders may be those of another one by now
        INNER JOIN core.customers AS c ON s.customer_id = c.customer_id
        INNER JOIN core.all_orders AS o
            ON
                coalesce(c.merged_into, c.customer_id) = o.customer_id
                AND o.kind = 'sale'
                AND s.settled_at < o.ordered_at
                AND o.ordered_at <= s.settled_at + make_interval(days => w.attribution_days)
        -- what another system was told of her is no message to her
        WHERE s.state = 'sent' AND NOT s.is_test AND s.purpose <> 'post'
    ),

    bought AS (
        SELECT
            a.campaign,
            a.occasion,
            a.channel,
            count(DISTINCT a.customer_id) AS buyers,
            sum(a.revenue) AS revenue,
            bool_or(a.is_simulated) AS is_simulated
        FROM orders_after AS a
        GROUP BY a.campaign, a.occasion, a.channel
    ),

    measured AS (
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
            coalesce(u.unsubscribed, 0) AS unsubscribed,
            coalesce(b.buyers, 0) AS buyers,
            coalesce(b.revenue, 0) AS revenue,
            c.attribution_days,
            c.first_sent_at,
            c.last_sent_at,
            c.is_simulated OR coalesce(b.is_simulated, FALSE) AS is_simulated
        FROM counted AS c
        LEFT JOIN left_us AS u ON c.campaign = u.campaign AND c.occasion = u.occasion AND c.channel = u.channel
        LEFT JOIN bought AS b ON c.campaign = b.campaign AND c.occasion = b.occasion AND c.channel = b.channel
    )

    SELECT f.* FROM measured AS f
) AS e ON m.campaign = e.campaign AND m.occasion = e.occasion AND m.channel = e.channel
WHEN MATCHED
AND (
    m.planned, m.sent, m.failed, m.unknown, m.waiting, m.skipped, m.ended_unsent, m.unsubscribed, m.buyers, m.revenue,
    m.attribution_days, m.first_sent_at, m.last_sent_at, m.is_simulated
) IS DISTINCT FROM (
    e.planned, e.sent, e.failed, e.unknown, e.waiting, e.skipped, e.ended_unsent, e.unsubscribed, e.buyers, e.revenue,
    e.attribution_days, e.first_sent_at, e.last_sent_at, e.is_simulated
)
THEN
    UPDATE
        SET
            planned = e.planned,
            sent = e.sent,
            failed = e.failed,
            unknown = e.unknown,
            waiting = e.waiting,
            skipped = e.skipped,
            ended_unsent = e.ended_unsent,
            unsubscribed = e.unsubscribed,
            buyers = e.buyers,
            revenue = e.revenue,
            attribution_days = e.attribution_days,
            first_sent_at = e.first_sent_at,
            last_sent_at = e.last_sent_at,
            is_simulated = e.is_simulated
WHEN NOT MATCHED
THEN INSERT
    (
        campaign, occasion, channel, planned, sent, failed, unknown, waiting, skipped, ended_unsent, unsubscribed, buyers,
        revenue, attribution_days, first_sent_at, last_sent_at, is_simulated
    )
VALUES
(
    e.campaign, e.occasion, e.channel, e.planned, e.sent, e.failed, e.unknown, e.waiting, e.skipped, e.ended_unsent,
    e.unsubscribed, e.buyers, e.revenue, e.attribution_days, e.first_sent_at, e.last_sent_at,
    e.is_simulated
);
