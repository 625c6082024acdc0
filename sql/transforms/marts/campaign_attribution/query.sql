-- step: forget
DELETE FROM marts.campaign_attribution;

-- step: fill
-- What has no touch is a row of its own, so that each basis and model adds up to all orders since the first message.
INSERT INTO marts.campaign_attribution (
    basis, model, campaign, channel, variant, orders, revenue, orders_touched, is_simulated
)
WITH since AS (
    SELECT min(s.settled_at) AS first_sent_at
    FROM activation.sends AS s
    WHERE s.state = 'sent' AND NOT s.is_test
),

placed AS (
    SELECT
        count(*) AS orders,
        coalesce(sum(o.base_revenue), 0) AS revenue,
        bool_or(o.is_simulated) AS is_simulated
    FROM core.all_orders AS o
    INNER JOIN since AS s ON o.ordered_at > s.first_sent_at
    WHERE o.kind = 'sale'
),

bases AS (
    SELECT b.basis FROM (VALUES ('sent'), ('click')) AS b (basis)
),

models AS (
    SELECT d.model
    FROM (VALUES ('first'), ('last'), ('linear'), ('time_decay'), ('position')) AS d (model)
),

shared AS (
    SELECT
        a.basis,
        v.model,
        a.campaign,
        a.channel,
        a.variant,
        sum(v.share) AS orders,
        sum(v.revenue) AS revenue,
        count(DISTINCT a.order_id) AS orders_touched,
        bool_or(a.is_simulated) AS is_simulated
    FROM marts.attributed_orders AS a
    CROSS JOIN
        LATERAL (
            VALUES
            ('first', a.share_first, a.revenue_first),
            ('last', a.share_last, a.revenue_last),
            ('linear', a.share_linear, a.revenue_linear),
            ('time_decay', a.share_time_decay, a.revenue_time_decay),
            ('position', a.share_position, a.revenue_position)
        ) AS v (model, share, revenue)
    GROUP BY a.basis, v.model, a.campaign, a.channel, a.variant
)

SELECT
    s.basis,
    s.model,
    s.campaign,
    s.channel,
    s.variant,
    s.orders,
    s.revenue,
    s.orders_touched,
    s.is_simulated
FROM shared AS s
UNION ALL
SELECT
    b.basis,
    d.model,
    '(none)' AS campaign,
    '' AS channel,
    '' AS variant,
    p.orders - coalesce(sum(s.orders), 0) AS orders,
    p.revenue - coalesce(sum(s.revenue), 0) AS revenue,
    0 AS orders_touched,
    p.is_simulated
FROM bases AS b
CROSS JOIN models AS d
CROSS JOIN placed AS p
LEFT JOIN shared AS s ON b.basis = s.basis AND d.model = s.model
WHERE p.orders > 0
GROUP BY b.basis, d.model, p.orders, p.revenue, p.is_simulated;
