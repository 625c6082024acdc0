-- Views that say which of their rows are of people, or have orders, that were made up for a demo.

-- What followed a click in a message to somebody who is made up, is made up as well; the click's is_simulated says so.
CREATE OR REPLACE VIEW marts.click_results AS
SELECT
    t.event_id AS click_id,
    t.send_id,
    t.campaign,
    s.occasion,
    t.channel,
    s.variant,
    coalesce(c.merged_into, s.customer_id) AS customer_id,
    t.url,
    t.occurred_at AS clicked_at,
    t.verdict,
    t.verdict_reason,
    t.client,
    coalesce(g.pages, 0) AS pages,
    g.first_page_at,
    coalesce(b.orders, 0) AS orders,
    coalesce(b.revenue, 0) AS revenue,
    b.first_order_at,
    (p.definition -> 'campaign' ->> 'attribution_days')::integer AS attribution_days,
    t.is_simulated,
    s.is_test
FROM activation.tracking_events AS t
INNER JOIN activation.sends AS s ON t.send_id = s.send_id
INNER JOIN activation.plans AS p ON s.plan_id = p.plan_id
LEFT JOIN core.customers AS c ON s.customer_id = c.customer_id
LEFT JOIN LATERAL (
    SELECT
        count(*) AS pages,
        min(k.occurred_at) AS first_page_at
    FROM core.click_pages AS k
    WHERE k.click_id = t.event_id
) AS g ON TRUE
LEFT JOIN LATERAL (
    SELECT
        count(*) AS orders,
        sum(o.revenue) AS revenue,
        min(o.ordered_at) AS first_order_at
    FROM core.all_orders AS o
    WHERE
        t.verdict = 'person'
        AND o.customer_id = coalesce(c.merged_into, s.customer_id)
        AND o.kind = 'sale'
        AND o.ordered_at > t.occurred_at
        AND o.ordered_at <= t.occurred_at + make_interval(
            days => coalesce((p.definition -> 'campaign' ->> 'attribution_days')::integer, 7)
        )
        -- the last click in the message before the order has it, so that no order counts twice for a message
        AND NOT EXISTS (
            SELECT
            FROM activation.tracking_events AS l
            WHERE
                l.send_id = t.send_id
                AND l.kind = 'click'
                AND l.verdict = 'person'
                AND (l.occurred_at, l.event_id) > (t.occurred_at, t.event_id)
                AND l.occurred_at < o.ordered_at
        )
) AS b ON TRUE
WHERE t.kind = 'click';

-- Who walks through a journey may be made up, and then so are the counts.
CREATE OR REPLACE VIEW marts.journey_steps AS
WITH flows AS (
    SELECT
        m.journey,
        m.from_step,
        m.to_step,
        m.why,
        count(*) AS moves
    FROM activation.journey_moves AS m
    GROUP BY m.journey, m.from_step, m.to_step, m.why
),

here AS (
    SELECT
        v.journey,
        v.step,
        count(*) AS people
    FROM activation.journey_visits AS v
    WHERE v.state IN ('due', 'waiting')
    GROUP BY v.journey, v.step
),

kinds AS (
    SELECT
        v.journey,
        bool_or(c.is_simulated) AS is_simulated
    FROM activation.journey_visits AS v
    INNER JOIN core.customers AS c ON v.customer_id = c.customer_id
    GROUP BY v.journey
),

steps AS (
    SELECT
        f.journey,
        f.from_step AS step
    FROM flows AS f
    WHERE f.from_step IS NOT NULL
    UNION
    SELECT
        f.journey,
        f.to_step AS step
    FROM flows AS f
    WHERE f.to_step IS NOT NULL
    UNION
    SELECT
        v.journey,
        s.value ->> 'step' AS step
    FROM activation.journey_versions AS v
    CROSS JOIN jsonb_array_elements(v.definition -> 'steps') AS s (value)
    WHERE v.is_current
)

SELECT
    s.journey,
    s.step,
    coalesce(sum(f.moves) FILTER (WHERE f.to_step = s.step), 0)::bigint AS entered,
    coalesce(max(h.people), 0)::bigint AS here_now,
    coalesce(
        sum(f.moves) FILTER (WHERE f.from_step = s.step AND NOT (f.to_step IS NULL AND f.why IN ('goal', 'step_removed', 'ended'))), 0
    )::bigint AS passed,
    coalesce(sum(f.moves) FILTER (WHERE f.from_step = s.step AND f.why = 'goal'), 0)::bigint AS reached_goal,
    coalesce(
        sum(f.moves) FILTER (WHERE f.from_step = s.step AND f.to_step IS NULL AND f.why IN ('step_removed', 'ended')), 0
    )::bigint AS dropped,
    coalesce(sum(f.moves) FILTER (WHERE f.from_step = s.step AND f.why = 'sent'), 0)::bigint AS written_to,
    coalesce(sum(f.moves) FILTER (WHERE f.from_step = s.step AND f.why LIKE 'refused: %'), 0)::bigint AS refused,
    coalesce(bool_or(k.is_simulated), FALSE) AS is_simulated
FROM steps AS s
LEFT JOIN flows AS f ON s.journey = f.journey AND s.step IN (f.from_step, f.to_step)
LEFT JOIN here AS h ON s.journey = h.journey AND s.step = h.step
LEFT JOIN kinds AS k ON s.journey = k.journey
GROUP BY s.journey, s.step;
