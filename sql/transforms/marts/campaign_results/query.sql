-- step: forget
DELETE FROM marts.campaign_results;

-- step: fill
-- Each message stands once in all, once in its variant, segment and step. What people did counts once for each of these, however
-- many messages stand before it, and only after the message was sent.
INSERT INTO marts.campaign_results (
    campaign, channel, breakdown, part, planned, sent, delivered, opened, opened_by_proxy, clicked, clicked_by_scanner,
    visitors, pages, unsubscribed, complained, bounced_hard, bounced_soft, people, buyers, orders, revenue, ratings,
    rating_mean, rating_positive, cost, open_rate, click_rate, conversion_rate, unsubscribe_rate, complaint_rate,
    bounce_rate, attribution_days, first_sent_at, last_sent_at, is_simulated
)
WITH messages AS (
    SELECT
        s.send_id,
        s.campaign,
        s.channel,
        s.variant,
        s.step,
        -- what another system was told of somebody is no message to her
        CASE WHEN s.purpose <> 'post' THEN coalesce(c.merged_into, s.customer_id) END AS customer_id,
        CASE WHEN s.purpose <> 'post' THEN s.customer_id END AS customer_then,
        p.business_date,
        s.state = 'sent' AS is_sent,
        coalesce(s.sending_at, s.settled_at) AS sending_at,
        s.settled_at,
        coalesce(
            %(attribution_days)s::integer, (p.definition -> 'campaign' ->> 'attribution_days')::integer, 7
        ) AS attribution_days,
        CASE
            WHEN p.definition -> 'campaign' -> 'budget' ->> 'currency' = %(base_currency)s
                THEN (p.definition -> 'campaign' -> 'budget' ->> 'cost_per_message')::numeric
        END AS cost,
        s.is_simulated
    FROM activation.sends AS s
    INNER JOIN activation.plans AS p ON s.plan_id = p.plan_id
    LEFT JOIN core.customers AS c ON s.customer_id = c.customer_id
    WHERE NOT s.is_test
),

tracked AS (
    SELECT
        t.send_id,
        bool_or(t.kind <> 'click' AND t.verdict = 'person') AS is_opened,
        bool_or(t.kind <> 'click' AND t.verdict = 'proxy') AS is_proxy,
        bool_or(t.kind = 'click' AND t.verdict = 'person') AS is_clicked,
        bool_or(t.kind = 'click' AND t.verdict = 'scanner') AS is_scanned,
        min(t.occurred_at) FILTER (WHERE t.kind = 'click' AND t.verdict = 'person') AS clicked_at,
        bool_or(t.is_simulated) AS is_simulated
    FROM activation.tracking_events AS t
    INNER JOIN messages AS g ON t.send_id = g.send_id AND g.is_sent AND t.occurred_at >= g.sending_at
    GROUP BY t.send_id
),

reported AS (
    SELECT
        d.send_id,
        bool_or(d.kind = 'bounce_hard') AS is_hard,
        bool_or(d.kind = 'bounce_soft') AND NOT bool_or(d.kind IN ('delivered', 'bounce_hard')) AS is_soft,
        bool_or(d.kind = 'complaint') AS is_complaint
    FROM activation.delivery_events AS d
    GROUP BY d.send_id
),

left_us AS (
    SELECT DISTINCT e.send_id
    FROM privacy.consent_events AS e
    WHERE e.send_id IS NOT NULL AND NOT e.granted
),

facts AS (
    SELECT
        g.*,
        b.breakdown,
        b.part,
        g.is_sent AND coalesce(t.is_opened, FALSE) AS is_opened,
        g.is_sent AND coalesce(t.is_proxy AND NOT t.is_opened, FALSE) AS is_proxy,
        g.is_sent AND coalesce(t.is_clicked, FALSE) AS is_clicked,
        g.is_sent AND coalesce(t.is_scanned AND NOT t.is_clicked, FALSE) AS is_scanned,
        t.clicked_at,
        g.is_sent AND coalesce(r.is_hard, FALSE) AS is_hard,
        g.is_sent AND coalesce(r.is_soft, FALSE) AS is_soft,
        g.is_sent AND coalesce(r.is_complaint, FALSE) AS is_complaint,
        g.is_sent AND u.send_id IS NOT NULL AS is_unsubscribed,
        coalesce(t.is_simulated, FALSE) AS is_made_up
    FROM messages AS g
    LEFT JOIN tracked AS t ON g.send_id = t.send_id
    LEFT JOIN reported AS r ON g.send_id = r.send_id
    LEFT JOIN left_us AS u ON g.send_id = u.send_id
    LEFT JOIN LATERAL (
        SELECT min(k.segment) AS segment
        FROM models.segment_memberships AS k
        WHERE
            g.customer_then = k.customer_id AND k.entered_on <= g.business_date
            AND (k.left_on IS NULL OR k.left_on > g.business_date)
    ) AS s ON TRUE
    CROSS JOIN
        LATERAL (
            VALUES
            ('all', ''),
            ('variant', g.variant),
            ('segment', coalesce(s.segment, CASE WHEN g.customer_id IS NOT NULL THEN '(none)' END)),
            ('step', g.step::text)
        ) AS b (breakdown, part)
    WHERE b.part IS NOT NULL
),

counted AS (
    SELECT
        f.campaign,
        f.channel,
        f.breakdown,
        f.part,
        count(DISTINCT f.send_id) AS planned,
        count(DISTINCT f.send_id) FILTER (WHERE f.is_sent) AS sent,
        count(DISTINCT f.send_id) FILTER (WHERE f.is_sent AND NOT f.is_hard AND NOT f.is_soft) AS delivered,
        count(DISTINCT f.send_id) FILTER (WHERE f.is_opened) AS opened,
        count(DISTINCT f.send_id) FILTER (WHERE f.is_proxy) AS opened_by_proxy,
        count(DISTINCT f.send_id) FILTER (WHERE f.is_clicked) AS clicked,
        count(DISTINCT f.send_id) FILTER (WHERE f.is_scanned) AS clicked_by_scanner,
        count(DISTINCT f.send_id) FILTER (WHERE f.is_unsubscribed) AS unsubscribed,
        count(DISTINCT f.send_id) FILTER (WHERE f.is_complaint) AS complained,
        count(DISTINCT f.send_id) FILTER (WHERE f.is_hard) AS bounced_hard,
        count(DISTINCT f.send_id) FILTER (WHERE f.is_soft) AS bounced_soft,
        count(DISTINCT f.customer_id) FILTER (WHERE f.is_sent) AS people,
        sum(f.cost) FILTER (WHERE f.is_sent) AS cost,
        max(f.attribution_days) AS attribution_days,
        min(f.settled_at) FILTER (WHERE f.is_sent) AS first_sent_at,
        max(f.settled_at) FILTER (WHERE f.is_sent) AS last_sent_at,
        bool_or(f.is_simulated OR f.is_made_up) AS is_simulated
    FROM facts AS f
    GROUP BY f.campaign, f.channel, f.breakdown, f.part
),

bought AS (
    SELECT
        a.campaign,
        a.channel,
        a.breakdown,
        a.part,
        count(DISTINCT a.customer_id) AS buyers,
        count(*) AS orders,
        sum(a.revenue) AS revenue,
        bool_or(a.is_simulated) AS is_simulated
    FROM (
        SELECT DISTINCT
            f.campaign,
            f.channel,
            f.breakdown,
            f.part,
            o.order_id,
            o.customer_id,
            coalesce(o.base_revenue, 0) AS revenue,
            o.is_simulated
        FROM facts AS f
        INNER JOIN core.all_orders AS o
            ON
                f.customer_id = o.customer_id
                AND o.kind = 'sale'
                AND f.settled_at < o.ordered_at
                AND o.ordered_at <= f.settled_at + f.attribution_days * interval '24 hours'
        WHERE f.is_sent
    ) AS a
    GROUP BY a.campaign, a.channel, a.breakdown, a.part
),

visited AS (
    SELECT
        f.campaign,
        f.channel,
        f.breakdown,
        f.part,
        count(DISTINCT f.customer_id) AS visitors,
        count(DISTINCT e.event_id) AS pages
    FROM facts AS f
    INNER JOIN core.events AS e
        ON
            f.customer_id = e.customer_id
            AND e.event_type IN ('page_viewed', 'page_view', 'page')
            AND f.clicked_at <= e.occurred_at
            AND e.occurred_at <= f.clicked_at + f.attribution_days * interval '24 hours'
            -- a day more on both sides: days are the shop's
            AND e.occurred_on >= f.clicked_at::date - 1
            AND e.occurred_on <= f.clicked_at::date + f.attribution_days + 1
    WHERE f.clicked_at IS NOT NULL
    GROUP BY f.campaign, f.channel, f.breakdown, f.part
),

rated AS (
    SELECT
        a.campaign,
        a.channel,
        a.breakdown,
        a.part,
        count(*) AS ratings,
        avg(a.rating) AS rating_mean,
        count(*) FILTER (WHERE a.rating >= 0.8) AS rating_positive
    FROM (
        SELECT DISTINCT
            f.campaign,
            f.channel,
            f.breakdown,
            f.part,
            k.feedback_id,
            least(greatest(k.rating / k.rating_max, 0), 1) AS rating
        FROM facts AS f
        INNER JOIN core.feedback AS k
            ON
                f.customer_id = k.customer_id
                AND NOT k.is_deleted
                AND k.rating IS NOT NULL
                AND f.settled_at < k.given_at
                AND k.given_at <= f.settled_at + f.attribution_days * interval '24 hours'
        WHERE f.is_sent
    ) AS a
    GROUP BY a.campaign, a.channel, a.breakdown, a.part
)

SELECT
    c.campaign,
    c.channel,
    c.breakdown,
    c.part,
    c.planned,
    c.sent,
    c.delivered,
    c.opened,
    c.opened_by_proxy,
    c.clicked,
    c.clicked_by_scanner,
    coalesce(v.visitors, 0) AS visitors,
    coalesce(v.pages, 0) AS pages,
    c.unsubscribed,
    c.complained,
    c.bounced_hard,
    c.bounced_soft,
    c.people,
    coalesce(b.buyers, 0) AS buyers,
    coalesce(b.orders, 0) AS orders,
    coalesce(b.revenue, 0) AS revenue,
    coalesce(r.ratings, 0) AS ratings,
    r.rating_mean,
    coalesce(r.rating_positive, 0) AS rating_positive,
    c.cost,
    c.opened::numeric / nullif(c.sent, 0) AS open_rate,
    c.clicked::numeric / nullif(c.sent, 0) AS click_rate,
    coalesce(b.buyers, 0)::numeric / nullif(c.people, 0) AS conversion_rate,
    c.unsubscribed::numeric / nullif(c.sent, 0) AS unsubscribe_rate,
    c.complained::numeric / nullif(c.sent, 0) AS complaint_rate,
    (c.bounced_hard + c.bounced_soft)::numeric / nullif(c.sent, 0) AS bounce_rate,
    c.attribution_days,
    c.first_sent_at,
    c.last_sent_at,
    c.is_simulated OR coalesce(b.is_simulated, FALSE) AS is_simulated
FROM counted AS c
LEFT JOIN bought AS b
    ON c.campaign = b.campaign AND c.channel = b.channel AND c.breakdown = b.breakdown AND c.part = b.part
LEFT JOIN visited AS v
    ON c.campaign = v.campaign AND c.channel = v.channel AND c.breakdown = v.breakdown AND c.part = v.part
LEFT JOIN rated AS r
    ON c.campaign = r.campaign AND c.channel = r.channel AND c.breakdown = r.breakdown AND c.part = r.part;
