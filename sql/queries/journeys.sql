-- Statements of the room `journeys`. A tick is a transaction: it takes those who are due into pg_temp.journey_moving, lets all of
-- them go step by step (each step is a statement or two over everybody on it), and writes at the end where they stand.

-- name: lock_journey
-- One tick of a journey at a time: whoever comes second finds nobody due.
SELECT pg_advisory_xact_lock(hashtextextended('journey' || chr(31) || %(journey)s, 0));

-- name: memory
-- Sorting a batch at once instead of in pieces on disk; no parallel workers for what is small; until the transaction's end.
SELECT
    set_config('work_mem', '128MB', TRUE) AS work_mem,
    set_config('jit', 'off', TRUE) AS jit;

-- name: state_begin
INSERT INTO activation.journey_states (journey, started_on)
VALUES (%(journey)s, %(business_date)s)
ON CONFLICT (journey) DO NOTHING;

-- name: state
SELECT
    s.started_on,
    coalesce(s.looked_at, s.started_on::timestamptz) AS looked_at,
    coalesce(s.mails_looked_at, s.started_on::timestamptz) AS mails_looked_at
FROM activation.journey_states AS s
WHERE s.journey = %(journey)s;

-- name: state_ticked
UPDATE activation.journey_states
SET
    ticked_at = %(now)s,
    missing_since = NULL
WHERE journey = %(journey)s;

-- name: state_looked
-- For orders and events. %(seen)s: what it has seen of them, or nothing if it is to look once more.
UPDATE activation.journey_states
SET
    looked_at = %(now)s,
    seen_builds = %(seen)s::timestamptz[]
WHERE journey = %(journey)s;

-- name: state_looked_mails
UPDATE activation.journey_states
SET mails_looked_at = %(now)s
WHERE journey = %(journey)s;

-- name: current_version
SELECT v.version FROM activation.journey_versions AS v
WHERE v.journey = %(journey)s AND v.is_current;

-- name: retire_versions
UPDATE activation.journey_versions
SET is_current = FALSE
WHERE journey = %(journey)s AND is_current AND version <> %(version)s;

-- name: version_keep
INSERT INTO activation.journey_versions (journey, version, definition, first_run_at)
VALUES (%(journey)s, %(version)s, %(definition)s, %(now)s)
ON CONFLICT (journey, version) DO UPDATE
    SET is_current = TRUE
    WHERE NOT journey_versions.is_current;

-- name: number_steps
-- A step keeps its number, whatever becomes of it; new ones get the next.
INSERT INTO activation.journey_steps (journey, step, number)
SELECT
    %(journey)s,
    n.step,
    coalesce(
        (
            SELECT max(k.number) FROM activation.journey_steps AS k
            WHERE k.journey = %(journey)s
        ), 0
    ) + row_number() OVER (ORDER BY n.place) AS number
FROM unnest(%(steps)s::text[]) WITH ORDINALITY AS n (step, place)
WHERE
    NOT EXISTS (
        SELECT 1 FROM activation.journey_steps AS k
        WHERE k.journey = %(journey)s AND k.step = n.step
    );

-- name: step_numbers
SELECT
    k.step,
    k.number
FROM activation.journey_steps AS k
WHERE k.journey = %(journey)s;

-- name: versions_inside
-- Versions by which somebody is inside; of each, is anybody due?
SELECT
    v.version,
    v.definition,
    v.is_current,
    exists(
        SELECT FROM activation.journey_visits AS w
        WHERE
            w.journey = v.journey AND w.version = v.version AND w.state IN ('due', 'waiting')
            AND w.due_at <= %(now)s::timestamptz
    ) AS is_due
FROM activation.journey_versions AS v
WHERE
    v.journey = %(journey)s
    AND EXISTS (
        SELECT FROM activation.journey_visits AS w
        WHERE w.journey = v.journey AND w.version = v.version AND w.state IN ('due', 'waiting')
    )
ORDER BY v.first_run_at, v.version;

-- name: news
-- When were events and orders built, and is that what it has seen? A build's time is its start, and nobody sees it before it is done:
-- so no time is later or earlier here, it is the same or another. Where that is not known, it looks. A message that a sender holds
-- right now may come back to wait.
SELECT
    b.builds,
    coalesce(b.builds <> s.seen_builds, TRUE) AS is_new,
    exists(
        SELECT FROM activation.sends AS h
        WHERE h.campaign = %(journey)s AND h.state = 'claimed'
    ) AS is_held
FROM activation.journey_states AS s
CROSS JOIN
    (
        SELECT array_agg(f.refreshed_at ORDER BY f.table_name) AS builds
        FROM ops.table_freshness AS f
        WHERE f.table_name IN ('core.orders', 'core.events')
    ) AS b
WHERE s.journey = %(journey)s;

-- name: tick_begin
INSERT INTO activation.journey_ticks (journey, version, kind, ticked_at)
VALUES (%(journey)s, %(version)s, %(kind)s, %(now)s)
RETURNING tick_id;

-- name: tick_end
UPDATE activation.journey_ticks
SET
    people = %(people)s,
    counts = %(counts)s
WHERE tick_id = %(tick_id)s;

-- name: due_again
-- For whom a product that she has bought may be needed again: the newest list says so, once a day at most.
INSERT INTO pg_temp.plan_events (customer_id, occasion, occasion_on, occurred_at)
SELECT DISTINCT
    r.customer_id,
    'due-' || %(business_date)s::date AS occasion,
    %(business_date)s::date AS occasion_on,
    %(business_date)s::date::timestamp AT TIME ZONE %(time_zone)s AS occurred_at
FROM marts.product_recommendations AS r
WHERE r.list = 'buy_again';

-- name: daily
-- Everybody of whom the condition is true.
INSERT INTO pg_temp.plan_events (customer_id, occasion, occasion_on, occurred_at)
SELECT
    a.customer_id,
    'day-' || %(business_date)s::date AS occasion,
    %(business_date)s::date AS occasion_on,
    %(business_date)s::date::timestamp AT TIME ZONE %(time_zone)s AS occurred_at
FROM pg_temp.plan_audience AS a;

-- name: keep_chosen
DELETE FROM pg_temp.plan_events AS e
WHERE
    NOT EXISTS (
        SELECT FROM pg_temp.plan_audience AS a
        WHERE a.customer_id = e.customer_id
    );

-- name: drop_entrants
DROP TABLE IF EXISTS pg_temp.journey_entrants;

-- name: make_entrants
CREATE TEMPORARY TABLE journey_entrants (
    customer_id bigint NOT NULL,
    occasion text NOT NULL,
    occasion_on date NOT NULL,
    event_at timestamptz NOT NULL,
    outcome text NOT NULL
) ON COMMIT DROP;

-- name: judge_entrants
-- Of several new events of a person the newest, and none that is older than the one that brought her last. A person is known under all
-- the numbers that turned out to be hers. Where an event is a day (%(is_day)s), what she did on that day was known when it was found:
-- what comes after its last instant is news.
INSERT INTO pg_temp.journey_entrants (customer_id, occasion, occasion_on, event_at, outcome)
WITH newest AS (
    SELECT DISTINCT ON (e.customer_id)
        e.customer_id,
        e.occasion,
        e.occasion_on,
        CASE
            WHEN %(is_day)s
                THEN
                    least(
                        (e.occasion_on + 1)::timestamp AT TIME ZONE %(time_zone)s - interval '1 microsecond',
                        %(now)s::timestamptz
                    )
            ELSE e.occurred_at
        END AS event_at
    FROM pg_temp.plan_events AS e
    WHERE
        NOT EXISTS (
            SELECT FROM activation.journey_visits AS v
            WHERE v.journey = %(journey)s AND v.customer_id = e.customer_id AND v.occasion = e.occasion
        )
    ORDER BY e.customer_id ASC, e.occurred_at DESC, e.occasion DESC
),

numbers AS (
    SELECT
        n.customer_id,
        n.customer_id AS known_as
    FROM newest AS n
    UNION ALL
    SELECT
        k.merged_into AS customer_id,
        k.customer_id AS known_as
    FROM core.customers AS k
    WHERE k.merged_into IN (SELECT n.customer_id FROM newest AS n)
),

earlier AS (
    SELECT
        n.customer_id,
        bool_or(v.state IN ('due', 'waiting')) AS is_inside,
        max(v.entered_at) AS entered_at,
        max(v.event_at) AS event_at
    FROM numbers AS n
    INNER JOIN activation.journey_visits AS v ON v.journey = %(journey)s AND n.known_as = v.customer_id
    GROUP BY n.customer_id
),

judged AS (
    SELECT
        n.customer_id,
        n.occasion,
        n.occasion_on,
        n.event_at,
        CASE
            WHEN e.is_inside THEN 'inside_already'
            WHEN
                e.entered_at IS NOT NULL
                AND (
                    %(again_days)s::integer IS NULL
                    OR e.entered_at > %(now)s::timestamptz - %(again_days)s::integer * interval '24 hours'
                )
                THEN 'was_here'
            WHEN c.customer_id IS NULL OR c.is_deleted OR c.merged_into IS NOT NULL THEN 'no_customer'
            WHEN %(consent)s AND NOT m.email_consent IS TRUE THEN 'no_consent'
            ELSE 'entered'
        END AS outcome
    FROM newest AS n
    LEFT JOIN earlier AS e ON n.customer_id = e.customer_id
    LEFT JOIN core.customers AS c ON n.customer_id = c.customer_id
    LEFT JOIN marts.customer_360 AS m ON n.customer_id = m.customer_id
    WHERE e.event_at IS NULL OR n.event_at > e.event_at
)

SELECT
    j.customer_id,
    j.occasion,
    j.occasion_on,
    j.event_at,
    CASE
        WHEN
            j.outcome = 'entered'
            AND row_number() OVER (PARTITION BY j.outcome ORDER BY j.occasion_on, j.customer_id) > %(room)s::bigint
            THEN 'journey_full'
        ELSE j.outcome
    END AS outcome
FROM judged AS j;

-- name: count_inside
SELECT count(*) FROM activation.journey_visits AS v
WHERE v.journey = %(journey)s AND v.state IN ('due', 'waiting');

-- name: enter
-- The unique keys see to it that no event brings somebody twice, and that nobody is inside twice.
WITH entered AS (
    INSERT INTO activation.journey_visits (
        journey, version, customer_id, occasion, occasion_on, state, step, due_at, entered_at, event_at, arrived_at, moves
    )
    SELECT
        %(journey)s,
        %(version)s,
        e.customer_id,
        e.occasion,
        e.occasion_on,
        'due' AS state,
        %(first)s AS step,
        %(now)s::timestamptz AS due_at,
        %(now)s::timestamptz AS entered_at,
        e.event_at,
        %(now)s::timestamptz AS arrived_at,
        1 AS moves
    FROM pg_temp.journey_entrants AS e
    WHERE e.outcome = 'entered'
    ORDER BY e.customer_id
    ON CONFLICT DO NOTHING
    RETURNING journey_visits.visit_id
)

INSERT INTO activation.journey_moves (visit_id, number, journey, version, from_step, to_step, why, moved_at, tick_id)
SELECT
    e.visit_id,
    1 AS number,
    %(journey)s,
    %(version)s,
    NULL AS from_step,
    %(first)s,
    'entered' AS why,
    %(now)s::timestamptz,
    %(tick_id)s
FROM entered AS e;

-- name: count_entrants
SELECT
    e.outcome,
    count(*) AS people
FROM pg_temp.journey_entrants AS e
GROUP BY e.outcome
ORDER BY e.outcome;

-- name: wake_orders
-- Who waits for an order and has placed one lately is due now. An order that is told late counts when her time is over, at the latest.
WITH happened AS (
    SELECT
        coalesce(c.merged_into, o.customer_id) AS customer_id,
        max(o.ordered_at) AS happened_at
    FROM core.orders AS o
    INNER JOIN core.customers AS c ON o.customer_id = c.customer_id
    WHERE o.kind = 'sale' AND o.ordered_on >= %(look_from)s::date AND o.ordered_at <= %(now)s::timestamptz
    GROUP BY coalesce(c.merged_into, o.customer_id)
),

-- a visit keeps the number that she had when she entered
numbers AS (
    SELECT
        h.customer_id,
        h.happened_at
    FROM happened AS h
    UNION ALL
    SELECT
        k.customer_id,
        h.happened_at
    FROM happened AS h
    INNER JOIN core.customers AS k ON h.customer_id = k.merged_into
)

UPDATE activation.journey_visits AS v
SET
    due_at = %(now)s::timestamptz,
    times_out_at = coalesce(v.times_out_at, v.due_at)
FROM numbers AS e
WHERE
    v.journey = %(journey)s AND v.version = %(version)s AND v.step = %(step)s AND v.state = 'waiting'
    AND v.due_at > %(now)s::timestamptz AND v.customer_id = e.customer_id
    AND e.happened_at > CASE %(since)s WHEN 'arrival' THEN v.arrived_at ELSE v.event_at END;

-- name: wake_events
WITH happened AS (
    SELECT
        coalesce(c.merged_into, o.customer_id) AS customer_id,
        max(o.occurred_at) AS happened_at
    FROM core.events AS o
    INNER JOIN core.customers AS c ON o.customer_id = c.customer_id
    WHERE
        o.event_type = any(%(events)s::text[]) AND o.occurred_on >= %(look_from)s::date
        AND o.occurred_at <= %(now)s::timestamptz
    GROUP BY coalesce(c.merged_into, o.customer_id)
),

-- a visit keeps the number that she had when she entered
numbers AS (
    SELECT
        h.customer_id,
        h.happened_at
    FROM happened AS h
    UNION ALL
    SELECT
        k.customer_id,
        h.happened_at
    FROM happened AS h
    INNER JOIN core.customers AS k ON h.customer_id = k.merged_into
)

UPDATE activation.journey_visits AS v
SET
    due_at = %(now)s::timestamptz,
    times_out_at = coalesce(v.times_out_at, v.due_at)
FROM numbers AS e
WHERE
    v.journey = %(journey)s AND v.version = %(version)s AND v.step = %(step)s AND v.state = 'waiting'
    AND v.due_at > %(now)s::timestamptz AND v.customer_id = e.customer_id
    AND e.happened_at > CASE %(since)s WHEN 'arrival' THEN v.arrived_at ELSE v.event_at END;

-- name: wake_mails
-- By people only: what mail services and security programs fetch tells nothing of her. Nothing that has come since the tick began: it
-- would wake her and not be found.
UPDATE activation.journey_visits AS v
SET
    due_at = %(now)s::timestamptz,
    times_out_at = coalesce(v.times_out_at, v.due_at)
FROM (
    SELECT
        split_part(s.occasion, ':', 2)::bigint AS visit_id,
        max(t.occurred_at) AS happened_at
    FROM activation.tracking_events AS t
    INNER JOIN activation.sends AS s ON t.send_id = s.send_id
    WHERE
        t.campaign = %(journey)s AND t.kind = any(%(kinds)s::text[]) AND t.verdict = 'person'
        AND t.occurred_at >= %(look_from)s::date::timestamptz AND t.occurred_at <= %(now)s::timestamptz
        AND s.occasion LIKE 'visit:%%'
    GROUP BY split_part(s.occasion, ':', 2)::bigint
) AS e
WHERE
    v.visit_id = e.visit_id AND v.version = %(version)s AND v.step = %(step)s AND v.state = 'waiting'
    AND v.due_at > %(now)s::timestamptz
    AND e.happened_at > CASE %(since)s WHEN 'arrival' THEN v.arrived_at ELSE v.event_at END;

-- name: drop_moving
DROP TABLE IF EXISTS pg_temp.journey_moving, pg_temp.journey_turns, pg_temp.journey_hits;

-- name: make_moving
CREATE TEMPORARY TABLE journey_moving (
    visit_id bigint PRIMARY KEY,
    customer_id bigint NOT NULL,
    person_id bigint NOT NULL,
    is_gone boolean NOT NULL,
    time_zone text NOT NULL,
    step text,
    is_waiting boolean NOT NULL,
    event_at timestamptz NOT NULL,
    arrived_at timestamptz NOT NULL,
    due_at timestamptz NOT NULL,
    times_out_at timestamptz,
    moves integer NOT NULL,
    hops integer NOT NULL DEFAULT 0,
    reason text
) WITH (fillfactor = 50) ON COMMIT DROP;

-- name: make_turns
CREATE TEMPORARY TABLE journey_turns (
    visit_id bigint PRIMARY KEY,
    from_step text NOT NULL,
    to_step text,
    why text NOT NULL,
    reason text
) ON COMMIT DROP;

-- name: make_hits
CREATE TEMPORARY TABLE journey_hits (
    customer_id bigint NOT NULL,
    visit_id bigint
) ON COMMIT DROP;

-- name: take_due
INSERT INTO pg_temp.journey_moving (
    visit_id, customer_id, person_id, is_gone, time_zone, step, is_waiting, event_at, arrived_at, due_at, times_out_at, moves
)
WITH due AS (
    SELECT
        v.visit_id,
        v.customer_id,
        v.step,
        v.state = 'waiting' AS is_waiting,
        v.event_at,
        v.arrived_at,
        v.due_at,
        v.times_out_at,
        v.moves
    FROM activation.journey_visits AS v
    WHERE
        v.journey = %(journey)s AND v.version = %(version)s AND v.state IN ('due', 'waiting')
        AND v.due_at <= %(now)s::timestamptz
    ORDER BY v.due_at
    LIMIT %(most)s
    FOR UPDATE
)

SELECT
    d.visit_id,
    d.customer_id,
    coalesce(c.merged_into, d.customer_id) AS person_id,
    -- of who she is now; few have another number, so that it is looked up for these alone
    coalesce(
        CASE
            WHEN c.merged_into IS NULL THEN c.is_deleted
            ELSE (
                SELECT k.is_deleted FROM core.customers AS k
                WHERE k.customer_id = c.merged_into
            )
        END, TRUE
    ) AS is_gone,
    coalesce(
        CASE
            WHEN c.merged_into IS NULL THEN c.time_zone
            ELSE (
                SELECT k.time_zone FROM core.customers AS k
                WHERE k.customer_id = c.merged_into
            )
        END, ''
    ) AS time_zone,
    d.step,
    d.is_waiting,
    d.event_at,
    d.arrived_at,
    d.due_at,
    d.times_out_at,
    d.moves
FROM due AS d
LEFT JOIN core.customers AS c ON d.customer_id = c.customer_id;

-- name: analyze_moving
ANALYZE pg_temp.journey_moving;

-- name: clear_turns
TRUNCATE pg_temp.journey_turns;

-- name: clear_hits
TRUNCATE pg_temp.journey_hits;

-- name: turns_gone
-- Who has been erased, and who stands where this version has no step.
INSERT INTO pg_temp.journey_turns (visit_id, from_step, to_step, why, reason)
SELECT
    m.visit_id,
    m.step,
    NULL AS to_step,
    CASE WHEN m.is_gone THEN 'ended' ELSE 'step_removed' END AS why,
    CASE WHEN m.is_gone THEN 'customer_gone' ELSE 'step_removed' END AS reason
FROM pg_temp.journey_moving AS m
WHERE m.is_gone OR m.step <> all(%(steps)s::text[]);

-- name: turns_merged
-- Who was inside under two numbers that turned out to be hers goes on with the visit that came first; the other one ends, also when the
-- first is over by now: she has had what it would bring.
INSERT INTO pg_temp.journey_turns (visit_id, from_step, to_step, why, reason)
WITH numbers AS (
    SELECT
        m.visit_id,
        m.step,
        m.person_id AS customer_id
    FROM pg_temp.journey_moving AS m
    WHERE m.step IS NOT NULL AND m.customer_id <> m.person_id
    UNION ALL
    SELECT
        m.visit_id,
        m.step,
        k.customer_id
    FROM pg_temp.journey_moving AS m
    INNER JOIN core.customers AS k ON m.person_id = k.merged_into
    WHERE m.step IS NOT NULL
)

SELECT DISTINCT
    n.visit_id,
    n.step,
    NULL AS to_step,
    'ended' AS why,
    'merged' AS reason
FROM numbers AS n
CROSS JOIN
    LATERAL ( -- by the index, for the few who were merged
        SELECT v.visit_id
        FROM activation.journey_visits AS v
        INNER JOIN activation.journey_visits AS w ON n.visit_id = w.visit_id
        WHERE
            v.journey = %(journey)s AND v.customer_id = n.customer_id AND v.visit_id < n.visit_id
            AND (v.ended_at IS NULL OR v.ended_at > w.entered_at)
        ORDER BY v.visit_id
        LIMIT 1
    ) AS o;

-- name: hits_orders
-- Visits of which the person has ordered since. %(step)s empty: wherever she stands.
INSERT INTO pg_temp.journey_hits (customer_id, visit_id)
SELECT
    m.customer_id,
    m.visit_id
FROM pg_temp.journey_moving AS m
WHERE
    m.step IS NOT NULL AND (%(step)s::text IS NULL OR m.step = %(step)s)
    AND EXISTS (
        SELECT FROM core.orders AS o
        WHERE
            o.customer_id IN (m.customer_id, m.person_id) AND o.kind = 'sale'
            AND o.ordered_on >= (m.event_at - interval '1 day')::date
            AND o.ordered_at > CASE %(since)s WHEN 'arrival' THEN m.arrived_at ELSE m.event_at END
            AND o.ordered_at <= %(now)s::timestamptz
    );

-- name: hits_events
INSERT INTO pg_temp.journey_hits (customer_id, visit_id)
SELECT
    m.customer_id,
    m.visit_id
FROM pg_temp.journey_moving AS m
WHERE
    m.step IS NOT NULL AND (%(step)s::text IS NULL OR m.step = %(step)s)
    AND EXISTS (
        SELECT FROM core.events AS o
        WHERE
            o.customer_id IN (m.customer_id, m.person_id) AND o.event_type = any(%(events)s::text[])
            AND o.occurred_on >= (m.event_at - interval '1 day')::date
            AND o.occurred_at > CASE %(since)s WHEN 'arrival' THEN m.arrived_at ELSE m.event_at END
            AND o.occurred_at <= %(now)s::timestamptz
    );

-- name: hits_mails
INSERT INTO pg_temp.journey_hits (customer_id, visit_id)
SELECT
    m.customer_id,
    m.visit_id
FROM pg_temp.journey_moving AS m
WHERE
    m.step IS NOT NULL AND (%(step)s::text IS NULL OR m.step = %(step)s)
    AND EXISTS (
        SELECT FROM activation.sends AS s
        INNER JOIN activation.tracking_events AS t ON s.send_id = t.send_id
        WHERE
            s.campaign = %(journey)s
            AND (s.occasion = 'visit:' || m.visit_id OR s.occasion LIKE 'visit:' || m.visit_id || ':%%')
            AND s.customer_id IN (m.customer_id, m.person_id)
            AND t.kind = any(%(kinds)s::text[]) AND t.verdict = 'person'
            AND t.occurred_at > CASE %(since)s WHEN 'arrival' THEN m.arrived_at ELSE m.event_at END
            AND t.occurred_at <= %(now)s::timestamptz
    );

-- name: lend_moving
GRANT SELECT ON pg_temp.journey_moving TO marketflow_audience;

-- name: lend_hits
GRANT INSERT ON pg_temp.journey_hits TO marketflow_audience;

-- name: analyze_hits
ANALYZE pg_temp.journey_hits;

-- name: turns_goal
INSERT INTO pg_temp.journey_turns (visit_id, from_step, to_step, why, reason)
SELECT
    m.visit_id,
    m.step,
    NULL AS to_step,
    'goal' AS why,
    'goal' AS reason
FROM pg_temp.journey_moving AS m
WHERE
    m.step IS NOT NULL
    AND (
        m.visit_id IN (
            SELECT h.visit_id FROM pg_temp.journey_hits AS h
            WHERE h.visit_id IS NOT NULL
        )
        OR m.person_id IN (
            SELECT h.customer_id FROM pg_temp.journey_hits AS h
            WHERE h.visit_id IS NULL
        )
    );

-- name: turns_wait
-- Those who were here and whose time has come; who has just come stays.
INSERT INTO pg_temp.journey_turns (visit_id, from_step, to_step, why)
SELECT
    m.visit_id,
    m.step,
    %(to_step)s::text AS to_step,
    'waited' AS why
FROM pg_temp.journey_moving AS m
WHERE m.step = %(step)s AND m.is_waiting;

-- name: turns_event
-- Those to whom it has happened, and those whose time is over. Who was woken and turns out to have done nothing is neither: what woke
-- her was a machine's click, say, or an order that has been taken back since.
INSERT INTO pg_temp.journey_turns (visit_id, from_step, to_step, why)
SELECT
    m.visit_id,
    m.step,
    CASE WHEN h.visit_id IS NULL THEN %(other_step)s::text ELSE %(then_step)s::text END AS to_step,
    CASE WHEN h.visit_id IS NULL THEN 'timed_out' ELSE 'event' END AS why
FROM pg_temp.journey_moving AS m
LEFT JOIN pg_temp.journey_hits AS h ON m.visit_id = h.visit_id
WHERE
    m.step = %(step)s AND m.is_waiting
    AND (h.visit_id IS NOT NULL OR m.times_out_at IS NULL OR m.times_out_at <= %(now)s::timestamptz);

-- name: wait_on
-- Who was woken for nothing waits until her own time is over.
UPDATE pg_temp.journey_moving AS m
SET
    due_at = m.times_out_at,
    times_out_at = NULL
WHERE m.step = %(step)s AND m.is_waiting AND m.times_out_at > %(now)s::timestamptz;

-- name: turns_branch
INSERT INTO pg_temp.journey_turns (visit_id, from_step, to_step, why)
SELECT
    m.visit_id,
    m.step,
    CASE WHEN h.customer_id IS NULL THEN %(other_step)s::text ELSE %(then_step)s::text END AS to_step,
    CASE WHEN h.customer_id IS NULL THEN 'otherwise' ELSE 'then' END AS why
FROM pg_temp.journey_moving AS m
LEFT JOIN pg_temp.journey_hits AS h ON m.person_id = h.customer_id
WHERE m.step = %(step)s;

-- name: turns_arms
-- By the same draw as the holdout's, with a salt of the step's own: the same person always goes the same way.
INSERT INTO pg_temp.journey_turns (visit_id, from_step, to_step, why)
SELECT
    m.visit_id,
    m.step,
    a.target AS to_step,
    'arm: ' || a.arm AS why
FROM pg_temp.journey_moving AS m
CROSS JOIN
    LATERAL (SELECT activation.draw(%(salt)s, m.person_id) AS place) AS d
INNER JOIN
    unnest(
        %(arms)s::text[], %(targets)s::text[], %(lows)s::double precision[], %(highs)s::double precision[]
    ) AS a (arm, target, low, high)
    ON d.place >= a.low AND d.place < a.high
WHERE m.step = %(step)s;

-- name: send_audience
-- Who goes through a loop gets each round's mail: the rounds before this one are counted. She is who she turned out to be; until the
-- marts are written anew they may have her address under the other number.
INSERT INTO pg_temp.plan_audience (customer_id, occasion, occasion_on)
SELECT
    CASE
        WHEN
            m.customer_id <> m.person_id AND EXISTS (
                SELECT FROM marts.customer_360 AS k
                WHERE k.customer_id = m.customer_id AND k.email_contact_point_id IS NOT NULL
            )
            THEN m.customer_id
        ELSE m.person_id
    END AS customer_id,
    'visit:' || m.visit_id || CASE WHEN r.rounds > 0 THEN ':' || (r.rounds + 1) ELSE '' END AS occasion,
    %(business_date)s::date AS occasion_on
FROM pg_temp.journey_moving AS m
CROSS JOIN
    LATERAL (
        SELECT count(*) FILTER (WHERE %(is_in_loop)s) AS rounds
        FROM activation.journey_moves AS o
        WHERE %(is_in_loop)s AND o.visit_id = m.visit_id AND o.from_step = m.step
    ) AS r
WHERE m.step = %(step)s;

-- name: turns_send
-- Whatever the plan said of her: she goes on. A message that is there already, from a tick that was undone elsewhere, is sent.
INSERT INTO pg_temp.journey_turns (visit_id, from_step, to_step, why)
SELECT
    m.visit_id,
    m.step,
    %(to_step)s::text AS to_step,
    CASE p.outcome WHEN 'planned' THEN 'sent' ELSE 'refused: ' || coalesce(p.outcome, 'not_judged') END AS why
FROM pg_temp.journey_moving AS m
LEFT JOIN activation.plan_members AS p
    ON
        p.plan_id = %(plan_id)s AND p.customer_id IN (m.customer_id, m.person_id)
        AND split_part(p.occasion, ':', 2) = m.visit_id::text
WHERE m.step = %(step)s;

-- name: tell
-- A message to another system for each: no person's name, but the numbers of her visit and of her. None for who is held out of marketing:
-- what the other system does with it would count as the shop's.
INSERT INTO activation.sends AS s (
    campaign, occasion, contact_point_id, channel, step, plan_id, customer_id, purpose, state, priority, send_after, expires_at,
    definition_version, message_id, planned_at, released_at
)
WITH told AS (
    SELECT
        'visit:' || m.visit_id || ':' || (m.moves + m.hops + 1) || ':customer:' || m.person_id AS occasion,
        m.person_id,
        p.contact_point_id
    FROM pg_temp.journey_moving AS m
    INNER JOIN core.contact_points AS p ON p.channel = 'webhook' AND p.address_hash = %(address_hash)s
    WHERE
        m.step = %(step)s
        AND NOT (
            'marketing' = any(%(held_out)s::text[])
            AND activation.draw(%(holdout_salt)s, m.person_id) < %(holdout_share)s
        )
)

SELECT
    %(campaign)s::text,
    t.occasion,
    t.contact_point_id,
    'webhook' AS channel,
    %(number)s::integer,
    %(plan_id)s,
    t.person_id,
    'post' AS purpose,
    'released' AS state,
    100 AS priority,
    %(now)s::timestamptz,
    %(expires_at)s::timestamptz,
    %(version)s::text,
    left(
        encode(
            sha256(
                convert_to(
                    concat_ws(
                        chr(31), 'send', %(campaign)s::text, t.occasion, t.contact_point_id, 'webhook',
                        %(number)s::integer
                    ),
                    'UTF8'
                )
            ),
            'hex'
        ),
        32
    ) || '@' || %(mail_domain)s::text AS message_id,
    %(now)s::timestamptz AS planned_at,
    %(now)s::timestamptz AS released_at
FROM told AS t
ORDER BY t.occasion
ON CONFLICT (campaign, occasion, contact_point_id, channel, step) DO NOTHING;

-- name: turns_told
INSERT INTO pg_temp.journey_turns (visit_id, from_step, to_step, why)
SELECT
    m.visit_id,
    m.step,
    %(to_step)s::text AS to_step,
    CASE
        WHEN
            'marketing' = any(%(held_out)s::text[])
            AND activation.draw(%(holdout_salt)s, m.person_id) < %(holdout_share)s
            THEN 'refused: holdout'
        ELSE 'told'
    END AS why
FROM pg_temp.journey_moving AS m
WHERE m.step = %(step)s;

-- name: turns_plain
INSERT INTO pg_temp.journey_turns (visit_id, from_step, to_step, why, reason)
SELECT
    m.visit_id,
    m.step,
    %(to_step)s::text AS to_step,
    %(why)s,
    %(reason)s::text AS reason
FROM pg_temp.journey_moving AS m
WHERE m.step = %(step)s;

-- name: apply_turns
WITH moved AS (
    UPDATE pg_temp.journey_moving AS m
    SET
        step = t.to_step,
        is_waiting = FALSE,
        arrived_at = %(now)s::timestamptz,
        due_at = %(now)s::timestamptz,
        times_out_at = NULL,
        hops = m.hops + 1,
        reason = t.reason
    FROM pg_temp.journey_turns AS t
    WHERE m.visit_id = t.visit_id AND m.step = t.from_step
    RETURNING m.visit_id, m.moves + m.hops AS number, t.from_step, t.to_step, t.why
)

INSERT INTO activation.journey_moves (visit_id, number, journey, version, from_step, to_step, why, moved_at, tick_id)
SELECT
    m.visit_id,
    m.number,
    %(journey)s,
    %(version)s,
    m.from_step,
    m.to_step,
    m.why,
    %(now)s::timestamptz,
    %(tick_id)s
FROM moved AS m;

-- name: count_turns
SELECT
    t.why,
    count(*) AS people
FROM pg_temp.journey_turns AS t
GROUP BY t.why
ORDER BY t.why;

-- name: arrive
-- One look at the clock per zone, not per person.
WITH zones AS MATERIALIZED (
    SELECT
        z.time_zone,
        CASE
            WHEN %(local)s::time IS NULL THEN %(now)s::timestamptz + %(duration)s::interval
            ELSE activation.next_local(
                %(now)s::timestamptz + %(duration)s::interval,
                activation.known_zone(z.time_zone, activation.known_zone(%(time_zone)s::text, 'UTC')),
                %(local)s::time, %(weekdays)s::integer[]
            )
        END AS due_at
    FROM (
        SELECT DISTINCT m.time_zone FROM pg_temp.journey_moving AS m
        WHERE m.step = %(step)s
    ) AS z
)

UPDATE pg_temp.journey_moving AS m
SET
    is_waiting = TRUE,
    due_at = z.due_at
FROM zones AS z
WHERE m.step = %(step)s AND NOT m.is_waiting AND m.time_zone = z.time_zone;

-- name: arrive_early
-- What they wait for has happened since they entered: the next tick lets them go on.
UPDATE pg_temp.journey_moving AS m
SET
    due_at = %(now)s::timestamptz,
    times_out_at = coalesce(m.times_out_at, m.due_at)
FROM pg_temp.journey_hits AS h
WHERE m.step = %(step)s AND m.is_waiting AND m.visit_id = h.visit_id;

-- name: is_anybody
SELECT m.visit_id FROM pg_temp.journey_moving AS m
WHERE m.step = %(step)s
ORDER BY m.visit_id
LIMIT 1;

-- name: hold
-- What their step asks cannot be answered: they stay, and it is asked again later. %(step)s empty: wherever they stand.
UPDATE pg_temp.journey_moving
SET due_at = %(again_at)s::timestamptz
WHERE step IS NOT NULL AND (%(step)s::text IS NULL OR step = %(step)s);

-- name: write_back
-- Compare and set: only of who stands where this tick found her.
UPDATE activation.journey_visits AS v
SET
    step = m.step,
    state = CASE
        WHEN m.step IS NOT NULL THEN CASE WHEN m.is_waiting THEN 'waiting' ELSE 'due' END
        WHEN m.reason IS NULL THEN 'done'
        ELSE 'exited'
    END,
    due_at = CASE WHEN m.step IS NOT NULL THEN m.due_at END,
    times_out_at = m.times_out_at,
    arrived_at = m.arrived_at,
    ended_at = CASE WHEN m.step IS NULL THEN %(now)s::timestamptz END,
    reason = m.reason,
    moves = m.moves + m.hops
FROM pg_temp.journey_moving AS m
WHERE v.visit_id = m.visit_id AND v.moves = m.moves AND v.state IN ('due', 'waiting');

-- name: outdated
-- On which steps of which older version people stand.
SELECT
    v.version,
    v.step,
    count(*) AS people
FROM activation.journey_visits AS v
WHERE v.journey = %(journey)s AND v.version <> %(version)s AND v.state IN ('due', 'waiting')
GROUP BY v.version, v.step
ORDER BY v.version, v.step;

-- name: change_version
-- Those on one step of an older version. %(to_step)s empty: they leave. On a step of another name they are due now.
WITH changed AS (
    UPDATE activation.journey_visits AS v
    SET
        version = %(version)s,
        step = %(to_step)s::text,
        state = CASE
            WHEN %(to_step)s::text IS NULL THEN 'exited'
            WHEN %(to_step)s::text = %(step)s THEN v.state
            ELSE 'due'
        END,
        due_at = CASE
            WHEN %(to_step)s::text IS NULL THEN NULL
            WHEN %(to_step)s::text = %(step)s THEN v.due_at
            ELSE %(now)s::timestamptz
        END,
        times_out_at = CASE WHEN %(to_step)s::text = %(step)s THEN v.times_out_at END,
        ended_at = CASE WHEN %(to_step)s::text IS NULL THEN %(now)s::timestamptz END,
        reason = CASE WHEN %(to_step)s::text IS NULL THEN 'step_removed' END,
        moves = v.moves + 1
    WHERE
        v.journey = %(journey)s AND v.version = %(old_version)s AND v.step = %(step)s
        AND v.state IN ('due', 'waiting')
    RETURNING v.visit_id, v.moves AS number
)

INSERT INTO activation.journey_moves (visit_id, number, journey, version, from_step, to_step, why, moved_at, tick_id)
SELECT
    c.visit_id,
    c.number,
    %(journey)s,
    %(version)s,
    %(step)s,
    %(to_step)s::text AS to_step,
    CASE WHEN %(to_step)s::text = %(step)s THEN 'moved' ELSE 'step_removed' END AS why,
    %(now)s::timestamptz,
    %(tick_id)s
FROM changed AS c;

-- name: definition_of
SELECT v.definition FROM activation.journey_versions AS v
WHERE v.journey = %(journey)s AND v.version = %(version)s;

-- name: end_visits
-- All who are inside leave.
WITH ended AS (
    UPDATE activation.journey_visits AS v
    SET
        step = NULL,
        state = 'exited',
        due_at = NULL,
        times_out_at = NULL,
        ended_at = %(now)s::timestamptz,
        reason = %(reason)s,
        moves = v.moves + 1
    FROM (
        SELECT
            w.visit_id,
            w.step
        FROM activation.journey_visits AS w
        WHERE w.journey = %(journey)s AND w.state IN ('due', 'waiting')
        ORDER BY w.visit_id
        FOR UPDATE
    ) AS o
    WHERE v.visit_id = o.visit_id
    RETURNING v.visit_id, v.moves AS number, v.version, o.step
)

INSERT INTO activation.journey_moves (visit_id, number, journey, version, from_step, to_step, why, moved_at, tick_id)
SELECT
    e.visit_id,
    e.number,
    %(journey)s,
    e.version,
    e.step,
    NULL AS to_step,
    'ended' AS why,
    %(now)s::timestamptz,
    %(tick_id)s
FROM ended AS e;

-- name: note_missing
-- Since when a journey has no folder any more. It counts from the first look that did not find it: how long it had been paused says nothing.
UPDATE activation.journey_states
SET missing_since = CASE WHEN journey <> all(%(journeys)s::text[]) THEN %(now)s::timestamptz END
WHERE (missing_since IS NULL) = (journey <> all(%(journeys)s::text[]));
-- name: drop_put_off
DROP TABLE IF EXISTS pg_temp.journey_put_off;

-- name: make_put_off
CREATE TEMPORARY TABLE journey_put_off (
    send_id bigint PRIMARY KEY,
    visit_id bigint NOT NULL
) ON COMMIT DROP;

-- name: find_put_off
-- Messages of people's visits that are released and not begun: they wait for a sender, for the end of quiet hours, for room under a cap.
INSERT INTO pg_temp.journey_put_off (send_id, visit_id)
SELECT
    s.send_id,
    split_part(s.occasion, ':', 2)::bigint AS visit_id
FROM activation.sends AS s
WHERE
    s.campaign = %(journey)s AND s.channel = any(ARRAY['email', 'webhook'])
    AND s.state IN ('released', 'deferred') AND s.occasion LIKE 'visit:%%';

-- name: analyze_put_off
ANALYZE pg_temp.journey_put_off;

-- name: cancel_ended
-- Of visits that the goal has ended, or the end of all: not of those that have come to a step that ends them. What a sender holds is left
-- to it. %(most)s empty: all.
WITH piece AS (
    SELECT
        s.send_id,
        v.reason
    FROM pg_temp.journey_put_off AS p
    INNER JOIN activation.journey_visits AS v ON p.visit_id = v.visit_id AND v.journey = %(journey)s AND v.state = 'exited'
    INNER JOIN activation.journey_moves AS m ON v.visit_id = m.visit_id AND v.moves = m.number AND m.why IN ('goal', 'ended')
    INNER JOIN activation.sends AS s ON p.send_id = s.send_id AND s.state IN ('released', 'deferred')
    ORDER BY s.send_id
    LIMIT %(most)s
    FOR NO KEY UPDATE OF s SKIP LOCKED
)

UPDATE activation.sends AS s
SET
    state = 'cancelled',
    reason = piece.reason,
    settled_at = %(now)s
FROM piece
WHERE s.send_id = piece.send_id;

-- name: goals
-- The events that its versions are for: of one, all versions.
SELECT
    v.definition -> 'journey' -> 'goal' ->> 'event' AS event,
    array_agg(v.version ORDER BY v.version) AS versions
FROM activation.journey_versions AS v
WHERE v.journey = %(journey)s AND v.definition -> 'journey' -> 'goal' ->> 'event' IS NOT NULL
GROUP BY v.definition -> 'journey' -> 'goal' ->> 'event'
ORDER BY v.definition -> 'journey' -> 'goal' ->> 'event';

-- name: take_put_off
-- Whoever has a message waiting, wherever she stands and if she went through long ago: only to be asked about the goal.
INSERT INTO pg_temp.journey_moving (
    visit_id, customer_id, person_id, is_gone, time_zone, step, is_waiting, event_at, arrived_at, due_at, moves
)
SELECT
    v.visit_id,
    v.customer_id,
    coalesce(c.merged_into, v.customer_id) AS person_id,
    FALSE AS is_gone,
    '' AS time_zone,
    coalesce(v.step, '') AS step,
    FALSE AS is_waiting,
    v.event_at,
    v.arrived_at,
    v.arrived_at AS due_at,
    v.moves
FROM activation.journey_visits AS v
LEFT JOIN core.customers AS c ON v.customer_id = c.customer_id
WHERE
    v.journey = %(journey)s AND v.version = any(%(versions)s::text[])
    AND v.visit_id IN (SELECT p.visit_id FROM pg_temp.journey_put_off AS p);

-- name: cancel_reached
WITH piece AS (
    SELECT s.send_id
    FROM pg_temp.journey_hits AS h
    INNER JOIN pg_temp.journey_put_off AS p ON h.visit_id = p.visit_id
    INNER JOIN activation.sends AS s ON p.send_id = s.send_id AND s.state IN ('released', 'deferred')
    ORDER BY s.send_id
    LIMIT %(most)s
    FOR NO KEY UPDATE OF s SKIP LOCKED
)

UPDATE activation.sends AS s
SET
    state = 'cancelled',
    reason = 'goal',
    settled_at = %(now)s
FROM piece
WHERE s.send_id = piece.send_id;

-- name: left_behind
-- Journeys with people inside whose folder has been gone for long.
SELECT s.journey
FROM activation.journey_states AS s
WHERE
    s.missing_since <= %(before)s::timestamptz
    AND EXISTS (
        SELECT FROM activation.journey_visits AS v
        WHERE v.journey = s.journey AND v.state IN ('due', 'waiting')
    )
ORDER BY s.journey;

-- name: flows
-- For the picture: how many went which way, for which reason.
SELECT
    m.from_step,
    m.to_step,
    m.why,
    count(*) AS moves
FROM activation.journey_moves AS m
WHERE m.journey = %(journey)s
GROUP BY m.from_step, m.to_step, m.why;

-- name: step_counts
SELECT
    s.step,
    s.entered,
    s.here_now,
    s.passed,
    s.reached_goal,
    s.dropped,
    s.written_to,
    s.refused
FROM marts.journey_steps AS s
WHERE s.journey = %(journey)s;

-- name: ends
SELECT
    count(*) FILTER (WHERE v.state IN ('due', 'waiting')) AS inside,
    count(*) FILTER (WHERE v.state = 'done') AS done,
    count(*) FILTER (WHERE v.reason = 'goal') AS goal,
    count(*) AS visits,
    coalesce(bool_or(c.is_simulated), FALSE) AS is_simulated
FROM activation.journey_visits AS v
LEFT JOIN core.customers AS c ON v.customer_id = c.customer_id
WHERE v.journey = %(journey)s;

-- name: judged
-- What the newest look at each of its experiments says.
SELECT
    r.experiment,
    r.arm,
    r.verdict,
    coalesce(r.is_winner, FALSE) AS is_winner
FROM marts.experiment_results AS r
WHERE r.campaign = %(journey)s AND r.is_newest
ORDER BY r.experiment ASC, r.is_control DESC, r.arm ASC;
