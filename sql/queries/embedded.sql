-- Statements of the room `embedded`: what the demo waits for and reports.

-- name: unfinished
-- Work that the DAGs have yet to do; all zero when the demo's data have gone through.
SELECT
    (
        SELECT count(*) FROM ops.loads AS l
        WHERE l.state IN ('loading', 'loaded', 'passed')
    ) AS loads,
    (
        SELECT count(*) FROM activation.sends AS s
        WHERE
            s.state IN ('planned', 'released', 'claimed', 'sending', 'deferred')
            -- what waits for the morning, or for a person to have got less, is no work that is left
            AND (s.reason IS NULL OR s.reason NOT IN ('quiet_hours', 'frequency_cap', 'frequency_choice'))
    ) AS messages;

-- name: loads
SELECT
    l.source,
    l.record,
    sum(l.records_read) AS records_read,
    sum(l.records_loaded) AS records_loaded,
    sum(l.records_quarantined) AS records_quarantined
FROM ops.loads AS l
GROUP BY l.source, l.record;

-- name: totals
SELECT
    (SELECT count(*) FROM core.orders) AS orders,
    (SELECT count(*) FROM core.customers) AS customers,
    (SELECT sum(r.revenue) FROM marts.revenue_daily AS r) AS revenue,
    (
        SELECT count(*) FROM models.association_rules AS a
        INNER JOIN models.published AS p ON a.run_id = p.run_id
        WHERE p.model = 'association_rules'
    ) AS rules,
    (SELECT count(*) FROM marts.product_recommendations) AS recommendations,
    (SELECT count(*) FROM ops.quarantine) AS quarantined;

-- name: simulated
-- What made-up customers, and made-up programs of theirs, did.
WITH tracked AS (
    SELECT
        count(*) FILTER (WHERE t.kind = 'open') AS opens,
        count(*) FILTER (WHERE t.kind = 'open' AND t.verdict <> 'person') AS opens_by_machines,
        count(*) FILTER (WHERE t.kind = 'click') AS clicks,
        count(*) FILTER (WHERE t.kind = 'click' AND t.verdict <> 'person') AS clicks_by_machines
    FROM activation.tracking_events AS t
    WHERE t.is_simulated
),

reported AS (
    SELECT
        count(*) FILTER (WHERE d.kind = 'bounce_hard') AS bounced,
        count(*) FILTER (WHERE d.kind = 'complaint') AS complained
    FROM activation.delivery_events AS d
    INNER JOIN activation.sends AS s ON d.send_id = s.send_id
    WHERE s.is_simulated
),

left_us AS (
    SELECT count(DISTINCT e.send_id) AS unsubscribed
    FROM privacy.consent_events AS e
    INNER JOIN activation.sends AS s ON e.send_id = s.send_id
    WHERE s.is_simulated AND NOT e.granted
),

bought AS (
    SELECT
        count(*) AS orders,
        coalesce(sum(o.base_revenue), 0)::text AS revenue
    FROM core.simulated_orders AS o
)

SELECT
    t.opens,
    t.opens_by_machines,
    t.clicks,
    t.clicks_by_machines,
    u.unsubscribed,
    r.bounced,
    r.complained,
    b.orders,
    b.revenue
FROM tracked AS t
CROSS JOIN reported AS r
CROSS JOIN left_us AS u
CROSS JOIN bought AS b;

-- name: models
-- How the newest run of each model did.
SELECT DISTINCT ON (r.model)
    r.model,
    CASE WHEN p.run_id IS NULL THEN coalesce(r.reason, r.state) ELSE 'published' END AS outcome,
    r.row_count AS rows_written,
    round(r.seconds::numeric, 1)::double precision AS seconds
FROM models.runs AS r
LEFT JOIN models.published AS p ON r.model = p.model AND r.run_id = p.run_id
ORDER BY r.model ASC, r.run_id DESC;

-- name: segments
SELECT
    c.segment,
    count(*) AS customers
FROM marts.customer_360 AS c
WHERE c.segment IS NOT NULL
GROUP BY c.segment
ORDER BY customers DESC;

-- name: sent
SELECT
    s.campaign,
    s.occasion,
    s.channel,
    count(*) AS messages,
    count(*) FILTER (WHERE s.state = 'sent') AS sent,
    count(DISTINCT s.contact_point_id) FILTER (WHERE s.state = 'sent') AS recipients
FROM activation.sends AS s
GROUP BY s.campaign, s.occasion, s.channel
ORDER BY s.campaign, s.occasion;

-- name: views
-- Each view with its columns and their types, as they stand in sql/schema.sql.
SELECT
    n.nspname || '.' || c.relname AS name,
    string_agg(a.attname || ' ' || format_type(a.atttypid, a.atttypmod), E',\n--     ' ORDER BY a.attnum) AS columns
FROM pg_class AS c
INNER JOIN pg_namespace AS n ON c.relnamespace = n.oid
INNER JOIN pg_attribute AS a ON c.oid = a.attrelid AND a.attnum > 0
WHERE c.relkind = 'v' AND n.nspname NOT IN ('pg_catalog', 'information_schema')
GROUP BY n.nspname, c.relname
ORDER BY n.nspname, c.relname;

-- name: uplift
-- What evaluation found that campaigns brought beside those who were held out.
SELECT
    u.campaign,
    u.breakdown,
    u.part,
    u.measure,
    u.people,
    u.control_people,
    u.difference::double precision AS difference,
    u.difference_low::double precision AS difference_low,
    u.difference_high::double precision AS difference_high,
    u.is_simulated
FROM marts.campaign_uplift AS u
WHERE u.breakdown IN ('all', 'variant')
ORDER BY u.campaign, u.breakdown, u.part, u.measure;

-- name: experiments
-- The newest look at each experiment, the control first.
SELECT
    r.campaign,
    r.experiment,
    r.arm,
    r.assigned,
    r.sent,
    r.conversions,
    r.difference,
    r.interval_low,
    r.interval_high,
    r.verdict,
    r.is_simulated
FROM marts.experiment_results AS r
WHERE r.is_newest
ORDER BY r.campaign ASC, r.experiment ASC, r.is_control DESC, r.arm ASC;

-- name: journeys
SELECT
    s.journey,
    s.step,
    s.entered,
    s.here_now,
    s.written_to,
    s.is_simulated
FROM marts.journey_steps AS s
ORDER BY s.journey ASC, s.entered DESC, s.step ASC;

-- name: campaign_pictures
SELECT
    p.name,
    p.svg
FROM models.pictures AS p
WHERE p.name LIKE 'campaign\_%'
ORDER BY p.name;
