-- Statements of the room `evaluation`, beside the transforms of its marts.

-- name: settings
-- Until the transaction's end. These statements read whole tables, and join what they have found themselves, of which the planner knows
-- nothing: it would take a thousand rows for one, and look at all of them for each.
SELECT
    set_config('work_mem', '128MB', TRUE) AS work_mem,
    set_config('enable_nestloop', 'off', TRUE) AS enable_nestloop,
    set_config('jit', 'off', TRUE) AS jit;

-- name: arms
SELECT
    a.campaign,
    a.channel,
    a.breakdown,
    a.part,
    a.arm,
    a.control,
    a.people,
    a.buyers,
    a.revenue,
    a.revenue_squares,
    a.revenue_cubes,
    a.waiting,
    a.cost,
    a.is_simulated
FROM marts.campaign_arms AS a
ORDER BY a.campaign, a.channel, a.breakdown, a.part, a.arm;

-- name: drawn_campaigns
-- Each campaign that sent anything, with what its newest plan calls it, and the channel that it went by last.
SELECT DISTINCT ON (r.campaign)
    r.campaign,
    r.channel,
    coalesce(p.title, r.campaign) AS title,
    r.sent,
    r.delivered,
    r.opened,
    r.opened_by_proxy,
    r.clicked,
    r.clicked_by_scanner,
    r.people,
    r.buyers,
    r.cost,
    r.attribution_days,
    r.first_sent_at,
    r.last_sent_at,
    r.is_simulated
FROM marts.campaign_results AS r
LEFT JOIN LATERAL (
    SELECT p.definition -> 'campaign' ->> 'title' AS title
    FROM activation.plans AS p
    WHERE p.campaign = r.campaign AND NOT p.is_dry_run AND p.reason IS DISTINCT FROM 'test_addresses'
    ORDER BY p.plan_id DESC
    LIMIT 1
) AS p ON TRUE
WHERE r.breakdown = 'all' AND r.sent > 0 AND (%(campaign)s::text IS NULL OR r.campaign = %(campaign)s::text)
ORDER BY r.campaign ASC, r.last_sent_at DESC, r.channel ASC;

-- name: drawn_uplift
SELECT
    u.measure,
    u.control,
    u.people,
    u.control_people,
    u.value,
    u.control_value,
    u.difference,
    u.difference_low,
    u.difference_high,
    u.incremental,
    u.incremental_low,
    u.incremental_high,
    u.return_on_cost,
    u.return_low,
    u.return_high,
    u.has_enough,
    u.waiting,
    u.is_simulated
FROM marts.campaign_uplift AS u
WHERE u.breakdown = 'all' AND u.campaign = %(campaign)s AND u.channel = %(channel)s
ORDER BY u.measure;

-- name: drawn_models
SELECT
    a.model,
    (sum(a.orders) FILTER (WHERE a.basis = 'sent'))::double precision AS sent,
    (sum(a.orders) FILTER (WHERE a.basis = 'click'))::double precision AS clicked,
    bool_or(a.is_simulated) AS is_simulated
FROM marts.campaign_attribution AS a
WHERE a.campaign = %(campaign)s AND a.channel = %(channel)s
GROUP BY a.model;

-- name: picture
SELECT
    p.title,
    p.description,
    p.png,
    p.svg
FROM models.pictures AS p
WHERE p.name = %(name)s;
