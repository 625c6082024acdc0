-- step: forget
DELETE FROM marts.campaign_arms;

-- step: fill
-- A person is in a campaign once, by the first plan that chose her: what comes later depends on what the first message did. Both
-- arms are followed from the moment when that plan's first message went out, whoever of them got it when: who was to get it and did
-- not is one of them all the same, as those who were held out have such people among them.
INSERT INTO marts.campaign_arms (
    campaign, channel, breakdown, part, arm, control, people, sent, buyers, orders, revenue, revenue_squares,
    revenue_cubes, waiting, cost, is_simulated
)
WITH begun AS (
    SELECT
        p.plan_id,
        p.campaign,
        p.channel,
        p.business_date,
        coalesce(
            %(attribution_days)s::integer, (p.definition -> 'campaign' ->> 'attribution_days')::integer, 7
        ) AS attribution_days,
        CASE
            WHEN p.definition -> 'campaign' -> 'budget' ->> 'currency' = %(base_currency)s
                THEN (p.definition -> 'campaign' -> 'budget' ->> 'cost_per_message')::numeric
        END AS cost,
        coalesce(min(s.settled_at) FILTER (WHERE s.state = 'sent'), p.released_at, p.planned_at) AS started_at
    FROM activation.plans AS p
    LEFT JOIN activation.sends AS s ON p.plan_id = s.plan_id AND NOT s.is_test
    WHERE p.state = 'released' AND NOT p.is_dry_run
    GROUP BY p.plan_id
),

members AS (
    SELECT
        b.*,
        m.outcome,
        m.variant,
        m.customer_id AS customer_then,
        m.occasion,
        coalesce(c.merged_into, c.customer_id) AS customer_id,
        c.is_simulated
    FROM begun AS b
    INNER JOIN activation.plan_members AS m ON b.plan_id = m.plan_id
    INNER JOIN core.customers AS c ON m.customer_id = c.customer_id
    WHERE m.outcome IN ('planned', 'experiment_holdout', 'holdout', 'frequency_cap', 'shared_contact_point', 'quiet_too_long')
),

-- a campaign's own experiment is the better control: drawn among those who would have got it
controls AS (
    SELECT
        m.campaign,
        m.channel,
        CASE WHEN bool_or(m.outcome = 'experiment_holdout') THEN 'experiment' ELSE 'global' END AS control
    FROM members AS m
    WHERE m.outcome IN ('experiment_holdout', 'holdout')
    GROUP BY m.campaign, m.channel
),

-- Planning looks at the shop's holdout before caps, shared addresses and quiet hours: among the held out are people whom these would have kept
-- back, so such people belong to the other arm too.
compared AS (
    SELECT
        m.*,
        k.control,
        CASE WHEN m.outcome IN ('experiment_holdout', 'holdout') THEN 'control' ELSE 'treated' END AS arm
    FROM members AS m
    INNER JOIN controls AS k ON m.campaign = k.campaign AND m.channel = k.channel
    WHERE
        m.outcome = 'planned'
        OR (k.control = 'experiment' AND m.outcome = 'experiment_holdout')
        OR (k.control = 'global' AND m.outcome IN ('holdout', 'frequency_cap', 'shared_contact_point', 'quiet_too_long'))
),

first_chosen AS (
    SELECT
        d.*,
        row_number() OVER () AS place
    FROM (
        SELECT DISTINCT ON (m.campaign, m.channel, m.customer_id) m.*
        FROM compared AS m
        ORDER BY m.campaign, m.channel, m.customer_id, m.started_at, m.plan_id, m.customer_then
    ) AS d
),

spent AS (
    SELECT
        f.place,
        count(*) AS orders,
        sum(coalesce(o.base_revenue, 0)) AS revenue,
        bool_or(o.is_simulated) AS is_simulated
    FROM first_chosen AS f
    INNER JOIN core.all_orders AS o
        ON
            f.customer_id = o.customer_id
            AND o.kind = 'sale'
            AND f.started_at < o.ordered_at
            AND o.ordered_at <= f.started_at + f.attribution_days * interval '24 hours'
    GROUP BY f.place
),

got AS (
    SELECT DISTINCT f.place
    FROM first_chosen AS f
    INNER JOIN activation.sends AS s
        ON
            f.customer_then = s.customer_id AND s.state = 'sent' AND NOT s.is_test
            AND f.campaign = s.campaign AND f.channel = s.channel AND f.occasion = s.occasion
),

people AS (
    SELECT
        f.campaign,
        f.channel,
        f.arm,
        f.control,
        f.variant,
        s.segment,
        g.place IS NOT NULL AS is_sent,
        f.cost,
        f.started_at + f.attribution_days * interval '24 hours' > %(known_until)s::timestamptz AS is_waiting,
        coalesce(e.orders, 0) AS orders,
        coalesce(e.revenue, 0) AS revenue,
        f.is_simulated OR coalesce(e.is_simulated, FALSE) AS is_simulated
    FROM first_chosen AS f
    LEFT JOIN got AS g ON f.place = g.place
    LEFT JOIN spent AS e ON f.place = e.place
    LEFT JOIN LATERAL (
        SELECT min(k.segment) AS segment
        FROM models.segment_memberships AS k
        WHERE
            f.customer_then = k.customer_id AND k.entered_on <= f.business_date
            AND (k.left_on IS NULL OR k.left_on > f.business_date)
    ) AS s ON TRUE
)

SELECT
    p.campaign,
    p.channel,
    b.breakdown,
    b.part,
    p.arm,
    p.control,
    count(*) AS people,
    count(*) FILTER (WHERE p.is_sent) AS sent,
    count(*) FILTER (WHERE p.orders > 0) AS buyers,
    sum(p.orders) AS orders,
    sum(p.revenue) AS revenue,
    sum(p.revenue * p.revenue) AS revenue_squares,
    sum(p.revenue * p.revenue * p.revenue) AS revenue_cubes,
    count(*) FILTER (WHERE p.is_waiting) AS waiting,
    sum(p.cost) FILTER (WHERE p.is_sent) AS cost,
    bool_or(p.is_simulated) AS is_simulated
FROM people AS p
CROSS JOIN
    LATERAL (
        VALUES
        ('all', ''),
        ('variant', p.variant),
        ('segment', coalesce(p.segment, '(none)'))
    ) AS b (breakdown, part)
WHERE b.part IS NOT NULL
GROUP BY p.campaign, p.channel, b.breakdown, b.part, p.arm, p.control;
