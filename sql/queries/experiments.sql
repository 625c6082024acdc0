-- Statements of the room `campaigns.experiments` (drawing), and of `evaluation.experiments` (looking and deciding).

-- name: begin_experiment
-- As its newest plan means it, until a plan of it has reached people or waits to. Locks the row, so that of two planners one waits.
WITH running AS (
    SELECT count(*) AS plans
    FROM activation.plans AS p
    WHERE
        p.campaign = %(campaign)s AND p.experiment = %(experiment)s AND NOT p.is_dry_run
        AND (p.state IN ('planned', 'approved') OR p.released_at IS NOT NULL)
)

INSERT INTO activation.experiments AS e (campaign, experiment, allocation_version, definition, started_at)
VALUES (%(campaign)s, %(experiment)s, %(allocation_version)s, %(meant)s, %(now)s)
ON CONFLICT (campaign, experiment) DO UPDATE
    SET
        allocation_version = excluded.allocation_version,
        definition = excluded.definition,
        started_at = excluded.started_at
    WHERE (SELECT r.plans FROM running AS r) = 0;

-- name: read_experiment
SELECT
    e.allocation_version,
    e.definition,
    e.winner,
    e.started_at,
    count(p.plan_id) > 0 AS is_running
FROM activation.experiments AS e
LEFT JOIN activation.plans AS p
    ON
        e.campaign = p.campaign AND e.experiment = p.experiment AND NOT p.is_dry_run
        AND (p.state IN ('planned', 'approved') OR p.released_at IS NOT NULL)
WHERE e.campaign = %(campaign)s AND e.experiment = %(experiment)s
GROUP BY e.campaign, e.experiment;

-- name: note_experiment
UPDATE activation.plans
SET experiment = %(experiment)s
WHERE plan_id = %(plan_id)s;

-- name: draw_members
-- By the person, not by the customer's number: who turned out to be another one has that one's arm. Bounds begin with 0, and two that
-- are equal (no holdout) leave nothing between them.
UPDATE activation.plan_members AS m
SET
    variant = d.variant,
    outcome = CASE d.variant WHEN 'holdout' THEN 'experiment_holdout' ELSE m.outcome END
FROM (
    SELECT
        p.customer_id,
        (%(names)s::text[])[
            width_bucket(
                activation.draw(%(salt)s::text, coalesce(c.merged_into, p.customer_id)), %(bounds)s::double precision[]
            )
        ] AS variant
    FROM activation.plan_members AS p
    LEFT JOIN core.customers AS c ON p.customer_id = c.customer_id
    WHERE p.plan_id = %(plan_id)s AND p.outcome = 'planned' AND p.customer_id IS NOT NULL
) AS d
WHERE m.plan_id = %(plan_id)s AND m.customer_id = d.customer_id;

-- name: count_variants
SELECT
    m.variant,
    count(*) AS people
FROM activation.plan_members AS m
WHERE m.plan_id = %(plan_id)s AND m.variant IS NOT NULL
GROUP BY m.variant;

-- name: read_branch
-- Of a journey's experiment; people are in it once somebody has entered by a version that has it.
SELECT
    e.allocation_version,
    e.definition,
    e.started_at,
    EXISTS (
        SELECT FROM activation.journey_versions AS v
        INNER JOIN activation.journey_visits AS i ON v.journey = i.journey AND v.version = i.version
        WHERE
            v.journey = e.campaign
            AND v.definition @> jsonb_build_object(
                'steps', jsonb_build_array(jsonb_build_object('experiment', jsonb_build_object('name', e.experiment)))
            )
    ) OR EXISTS (
        -- they may go on by another version by now
        SELECT FROM marts.journey_draws AS d
        WHERE d.journey = e.campaign AND d.experiment = e.experiment
    ) AS is_running
FROM activation.experiments AS e
WHERE e.campaign = %(campaign)s AND e.experiment = %(experiment)s
FOR UPDATE OF e;

-- name: begin_branch
INSERT INTO activation.experiments AS e (campaign, experiment, allocation_version, definition, started_at)
VALUES (%(campaign)s, %(experiment)s, %(allocation_version)s, %(meant)s, %(now)s)
ON CONFLICT (campaign, experiment) DO UPDATE
    SET
        allocation_version = excluded.allocation_version,
        definition = excluded.definition,
        started_at = excluded.started_at,
        -- of a campaign that had this name once
        decided_at = NULL,
        winner = NULL,
        reason = NULL;

-- name: heed
UPDATE activation.experiments
SET definition = definition || %(heeded)s
WHERE campaign = %(campaign)s AND experiment = %(experiment)s AND NOT definition @> %(heeded)s;

-- name: branch_winner
SELECT e.winner
FROM activation.experiments AS e
WHERE
    e.campaign = %(campaign)s AND e.experiment = %(experiment)s AND e.decided_at <= %(now)s::timestamptz;

-- name: experiments_open
-- Those that have reached people and of whom something may be new: as long as a window is open, and once after that.
SELECT
    e.campaign,
    e.experiment,
    e.definition,
    e.decided_at,
    r.began_at
FROM activation.experiments AS e
CROSS JOIN
    LATERAL (
        SELECT
            min(x.exposed_at) AS began_at,
            max(x.exposed_at) AS last_at
        FROM (
            SELECT p.released_at AS exposed_at
            FROM activation.plans AS p
            WHERE
                e.definition ->> 'step' IS NULL
                AND p.campaign = e.campaign AND p.experiment = e.experiment AND NOT p.is_dry_run
                AND p.released_at <= %(now)s::timestamptz
            UNION ALL
            -- a journey draws on for ever; who is drawn after the decision does not count
            SELECT d.drawn_at AS exposed_at
            FROM marts.journey_draws AS d
            WHERE
                e.definition ->> 'step' IS NOT NULL
                AND d.journey = e.campaign AND d.experiment = e.experiment AND d.drawn_at <= %(now)s::timestamptz
                AND d.drawn_at < coalesce(e.decided_at, 'infinity')
        ) AS x
    ) AS r
CROSS JOIN
    LATERAL (
        SELECT max(k.looked_at) AS looked_at
        FROM activation.experiment_looks AS k
        WHERE k.campaign = e.campaign AND k.experiment = e.experiment
    ) AS l
WHERE
    r.began_at IS NOT NULL
    AND (
        l.looked_at IS NULL
        OR l.looked_at <= r.last_at + make_interval(
            days => (e.definition ->> 'window_days')::integer + %(late_days)s::integer
        )
    )
ORDER BY e.campaign, e.experiment;

-- name: count_arms
-- A person counts once, in the arm of her first plan and from its release on: all arms from the same moment, whether her message went
-- at once, late or not at all, and so do those who are held out. Who was planned after the decision does not count. In a journey: from
-- her first draw on, once her window is over and its orders are known. Its ways act at different times after the draw: of windows that are
-- open the later way's orders would be missing. What the journey sent her after her draw is of the experiment.
WITH mine AS (
    SELECT
        p.plan_id,
        p.released_at
    FROM activation.plans AS p
    WHERE
        NOT %(is_journey)s
        AND p.campaign = %(campaign)s AND p.experiment = %(experiment)s AND NOT p.is_dry_run
        AND p.released_at <= %(now)s::timestamptz
        AND p.released_at < coalesce(%(decided_at)s::timestamptz, 'infinity')
),

drawn AS (
    SELECT
        m.customer_id,
        m.variant,
        p.released_at,
        p.plan_id AS number
    FROM mine AS p
    INNER JOIN activation.plan_members AS m ON p.plan_id = m.plan_id
    WHERE m.variant IS NOT NULL AND m.customer_id IS NOT NULL
    UNION ALL
    SELECT
        d.customer_id,
        d.arm AS variant,
        d.drawn_at AS released_at,
        d.visit_id AS number
    FROM marts.journey_draws AS d
    WHERE
        %(is_journey)s
        AND d.journey = %(campaign)s AND d.experiment = %(experiment)s
        AND d.drawn_at <= %(now)s::timestamptz - make_interval(
            days => %(window_days)s::integer + %(late_days)s::integer
        )
        AND d.drawn_at < coalesce(%(decided_at)s::timestamptz, 'infinity')
),

exposed AS (
    SELECT DISTINCT ON (coalesce(c.merged_into, d.customer_id))
        coalesce(c.merged_into, d.customer_id) AS person_id,
        d.variant,
        d.released_at,
        least(
            d.released_at + make_interval(days => %(window_days)s::integer), %(now)s::timestamptz
        ) AS counted_until,
        coalesce(c.is_simulated, FALSE) AS is_simulated
    FROM drawn AS d
    LEFT JOIN core.customers AS c ON d.customer_id = c.customer_id
    ORDER BY coalesce(c.merged_into, d.customer_id), d.released_at, d.number
),

messages AS (
    SELECT m.plan_id
    FROM mine AS m
    UNION ALL
    SELECT p.plan_id
    FROM activation.plans AS p
    WHERE %(is_journey)s AND p.campaign = %(campaign)s AND NOT p.is_dry_run
),

-- What is said of people, one row each: they are brought together by one sort. A join of sets whose size nobody knows
-- yet, right after their plan was written, may be made person by person, and takes minutes for a thousand.
facts AS (
    SELECT
        e.person_id,
        e.variant,
        e.released_at,
        e.counted_until,
        e.is_simulated,
        FALSE AS is_sent,
        (EXISTS (
            SELECT 1 FROM core.all_orders AS o
            WHERE
                e.person_id = o.customer_id AND o.kind = 'sale'
                AND e.released_at < o.ordered_at AND e.counted_until >= o.ordered_at
        )) AS is_buyer,
        NULL::timestamptz AS message_at,
        NULL::timestamptz AS clicked_at
    FROM exposed AS e
    UNION ALL
    -- machines aside, and opens never
    SELECT
        coalesce(c.merged_into, s.customer_id) AS person_id,
        NULL AS variant,
        NULL AS released_at,
        NULL AS counted_until,
        coalesce(t.is_simulated, FALSE) AS is_simulated,
        s.state = 'sent' AS is_sent,
        FALSE AS is_buyer,
        s.released_at AS message_at,
        t.occurred_at AS clicked_at
    FROM messages AS p
    INNER JOIN activation.sends AS s ON p.plan_id = s.plan_id
    LEFT JOIN core.customers AS c ON s.customer_id = c.customer_id
    LEFT JOIN activation.tracking_events AS t
        ON s.send_id = t.send_id AND t.kind = 'click' AND t.verdict = 'person'
    WHERE
        NOT s.is_test AND s.customer_id IS NOT NULL AND s.channel <> 'webhook'
        AND s.released_at >= %(began_at)s::timestamptz
),

dated AS (
    SELECT
        f.person_id,
        f.variant,
        f.is_simulated,
        f.is_buyer,
        f.is_sent AND f.message_at >= max(f.released_at) OVER person AS is_sent,
        f.message_at >= max(f.released_at) OVER person
        AND f.clicked_at > max(f.released_at) OVER person
        AND f.clicked_at <= max(f.counted_until) OVER person AS is_clicker
    FROM facts AS f
    WINDOW person AS (PARTITION BY f.person_id)
),

people AS (
    SELECT
        max(d.variant) AS variant,
        bool_or(d.is_sent) AS is_sent,
        bool_or(d.is_buyer) AS is_buyer,
        coalesce(bool_or(d.is_clicker), FALSE) AS is_clicker,
        bool_or(d.is_simulated AND (d.variant IS NOT NULL OR coalesce(d.is_clicker, FALSE))) AS is_simulated
    FROM dated AS d
    GROUP BY d.person_id
    HAVING max(d.variant) IS NOT NULL
)

SELECT
    p.variant,
    count(*) AS assigned,
    count(*) FILTER (WHERE p.is_sent) AS sent,
    count(*) FILTER (WHERE p.is_buyer) AS conversions,
    count(*) FILTER (WHERE p.is_clicker) AS clickers,
    bool_or(p.is_simulated) AS is_simulated
FROM people AS p
GROUP BY p.variant
ORDER BY p.variant;

-- name: write_look
-- The last look of a day stands for the day.
INSERT INTO activation.experiment_looks AS k (
    campaign, experiment, arm, look_on, looked_at, is_control, share, assigned, sent, conversions, clickers, rate,
    difference, interval_low, interval_high, p_value, uplift, uplift_low, uplift_high, ratio_p, sent_ratio_p, verdict,
    is_simulated
)
SELECT
    %(campaign)s::text,
    %(experiment)s::text,
    j.arm,
    %(look_on)s::date,
    %(now)s::timestamptz,
    j.is_control,
    j.share,
    j.assigned,
    j.sent,
    j.conversions,
    j.clickers,
    j.rate,
    j.difference,
    j.interval_low,
    j.interval_high,
    j.p_value,
    j.uplift,
    j.uplift_low,
    j.uplift_high,
    %(ratio_p)s::double precision,
    %(sent_ratio_p)s::double precision,
    j.verdict,
    j.is_simulated
FROM jsonb_populate_recordset(NULL::activation.experiment_looks, %(arms)s::jsonb) AS j
ON CONFLICT (campaign, experiment, arm, look_on) DO UPDATE
    SET
        looked_at = excluded.looked_at,
        is_control = excluded.is_control,
        share = excluded.share,
        assigned = excluded.assigned,
        sent = excluded.sent,
        conversions = excluded.conversions,
        clickers = excluded.clickers,
        rate = excluded.rate,
        difference = excluded.difference,
        interval_low = excluded.interval_low,
        interval_high = excluded.interval_high,
        p_value = excluded.p_value,
        uplift = excluded.uplift,
        uplift_low = excluded.uplift_low,
        uplift_high = excluded.uplift_high,
        ratio_p = excluded.ratio_p,
        sent_ratio_p = excluded.sent_ratio_p,
        verdict = excluded.verdict,
        is_simulated = excluded.is_simulated;

-- name: decide
-- Once: what people get from now on hangs on it.
UPDATE activation.experiments
SET
    decided_at = %(now)s,
    winner = %(winner)s,
    reason = %(reason)s
WHERE campaign = %(campaign)s AND experiment = %(experiment)s AND decided_at IS NULL;
