-- Journeys: who is on which step of which, and each move that anybody has made.

CREATE TABLE activation.journey_versions (
    journey text NOT NULL,
    version text NOT NULL,
    definition jsonb NOT NULL,
    first_run_at timestamptz NOT NULL,
    is_current boolean NOT NULL DEFAULT TRUE,
    PRIMARY KEY (journey, version)
);
COMMENT ON TABLE activation.journey_versions IS 'Each version of a journey that was ever run, frozen: who is inside goes on by her own';
COMMENT ON COLUMN activation.journey_versions.definition IS 'Steps, conditions and templates, as the files had them';
COMMENT ON COLUMN activation.journey_versions.is_current IS 'The one by which people enter';
CREATE UNIQUE INDEX journey_versions_current ON activation.journey_versions (journey) WHERE is_current;

CREATE TABLE activation.journey_steps (
    journey text NOT NULL,
    step text NOT NULL,
    number integer NOT NULL,
    PRIMARY KEY (journey, step),
    UNIQUE (journey, number)
);
COMMENT ON TABLE activation.journey_steps IS 'The number by which the ledger knows a step that writes to people: given once, whatever becomes of the file';

CREATE TABLE activation.journey_states (
    journey text PRIMARY KEY,
    started_on date NOT NULL,
    ticked_at timestamptz,
    looked_at timestamptz,
    missing_since timestamptz,
    seen_builds timestamptz[],
    mails_looked_at timestamptz
);
COMMENT ON TABLE activation.journey_states IS 'From which day on a journey takes events, and when it was last moved';
COMMENT ON COLUMN activation.journey_states.started_on IS 'The business day of its first run: what happened before it brings nobody';
COMMENT ON COLUMN activation.journey_states.looked_at IS 'When it last looked for the orders and events that people inside wait for';
COMMENT ON COLUMN activation.journey_states.seen_builds IS
'The refreshed_at of core.events and of core.orders when it looked last: it looks again when they are others. Empty: in any case';
COMMENT ON COLUMN activation.journey_states.mails_looked_at IS 'When it last looked for opens and clicks';

CREATE TABLE activation.journey_ticks (
    tick_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    journey text NOT NULL,
    version text NOT NULL,
    kind text NOT NULL CHECK (kind IN ('enrol', 'move', 'change', 'end')),
    ticked_at timestamptz NOT NULL,
    people integer NOT NULL DEFAULT 0,
    counts jsonb NOT NULL DEFAULT '{}'
);
COMMENT ON TABLE activation.journey_ticks IS 'Each transaction that let people into a journey or moved them, with what it did';
COMMENT ON COLUMN activation.journey_ticks.kind IS 'enrol: people entered; move: those who were due went on; change: to a new version; end: the journey ended for all';
COMMENT ON COLUMN activation.journey_ticks.counts IS 'How many, by what became of them';
CREATE INDEX journey_ticks_journey ON activation.journey_ticks (journey, ticked_at);

CREATE TABLE activation.journey_visits (
    visit_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    journey text NOT NULL,
    version text NOT NULL,
    customer_id bigint NOT NULL,
    occasion text NOT NULL,
    occasion_on date NOT NULL,
    state text NOT NULL CHECK (state IN ('due', 'waiting', 'done', 'exited')),
    step text,
    due_at timestamptz,
    entered_at timestamptz NOT NULL,
    event_at timestamptz NOT NULL,
    arrived_at timestamptz NOT NULL,
    times_out_at timestamptz,
    ended_at timestamptz,
    reason text,
    moves integer NOT NULL DEFAULT 0,
    UNIQUE (journey, customer_id, occasion),
    CHECK ((state IN ('due', 'waiting')) = (step IS NOT NULL AND due_at IS NOT NULL AND ended_at IS NULL))
);
COMMENT ON TABLE activation.journey_visits IS 'One row per person and time that she entered a journey: where she stands, until when';
COMMENT ON COLUMN activation.journey_visits.occasion IS 'The event that brought her, as campaigns name it; it brings her once';
COMMENT ON COLUMN activation.journey_visits.state IS
'due: she stands before the step; waiting: at a wait, until due_at; done: she went through; exited: she left before its end';
COMMENT ON COLUMN activation.journey_visits.due_at IS 'When a tick is to move her';
COMMENT ON COLUMN activation.journey_visits.event_at IS
'When the event happened that brought her; of an event that is a day, its last instant, or the entry if that was sooner. What happened after it counts';
COMMENT ON COLUMN activation.journey_visits.times_out_at IS
'Of who waits for an event and was woken for it: when her time is over, if it should turn out not to have happened';
COMMENT ON COLUMN activation.journey_visits.reason IS
'Why she left: goal, step_removed, customer_gone, merged (she was inside by another number, too), journey_ended or what an exit step says';
COMMENT ON COLUMN activation.journey_visits.moves IS 'How many moves she has made: each has its number once';
-- a tick finds those who are due here, and nobody else
CREATE INDEX journey_visits_due ON activation.journey_visits (journey, version, due_at)
WHERE state IN ('due', 'waiting');
-- nobody is twice inside of one journey
CREATE UNIQUE INDEX journey_visits_inside ON activation.journey_visits (journey, customer_id)
WHERE state IN ('due', 'waiting');

CREATE TABLE activation.journey_moves (
    visit_id bigint NOT NULL,
    number integer NOT NULL,
    journey text NOT NULL,
    version text NOT NULL,
    from_step text,
    to_step text,
    why text NOT NULL,
    moved_at timestamptz NOT NULL,
    tick_id bigint NOT NULL,
    PRIMARY KEY (visit_id, number)
);
COMMENT ON TABLE activation.journey_moves IS
'Append-only: each move of each visit. No foreign keys: a tick writes hundreds of thousands, and only beside the visit''s row';
COMMENT ON COLUMN activation.journey_moves.number IS 'Of the visit''s moves, from 1';
COMMENT ON COLUMN activation.journey_moves.from_step IS 'Empty: she entered';
COMMENT ON COLUMN activation.journey_moves.to_step IS 'Empty: she left';
COMMENT ON COLUMN activation.journey_moves.why IS
'entered, waited, event, timed_out, then, otherwise, arm, sent, refused: and the reason, told, goal, exit: and the reason, moved, step_removed';

-- The other columns.
COMMENT ON COLUMN activation.journey_versions.journey IS 'Name of the journey, its folder under include/journeys';
COMMENT ON COLUMN activation.journey_versions.version IS '16 hex digits that change with the file and with each template';
COMMENT ON COLUMN activation.journey_versions.first_run_at IS 'When its DAG first ran it';
COMMENT ON COLUMN activation.journey_steps.journey IS 'Name of the journey';
COMMENT ON COLUMN activation.journey_steps.step IS 'Name of the step';
COMMENT ON COLUMN activation.journey_steps.number IS 'Step in activation.sends and .plans';
COMMENT ON COLUMN activation.journey_states.journey IS 'Name of the journey';
COMMENT ON COLUMN activation.journey_states.ticked_at IS 'When people were last moved';
COMMENT ON COLUMN activation.journey_states.missing_since IS
'When end_journeys first found that its folder is gone; empty while it is there, and once it was moved again';
COMMENT ON COLUMN activation.journey_ticks.tick_id IS 'Number of the tick';
COMMENT ON COLUMN activation.journey_ticks.journey IS 'Name of the journey';
COMMENT ON COLUMN activation.journey_ticks.version IS 'By which version';
COMMENT ON COLUMN activation.journey_ticks.ticked_at IS 'When';
COMMENT ON COLUMN activation.journey_ticks.people IS 'How many it was about';
COMMENT ON COLUMN activation.journey_visits.visit_id IS 'Number of the visit';
COMMENT ON COLUMN activation.journey_visits.journey IS 'Name of the journey';
COMMENT ON COLUMN activation.journey_visits.version IS 'The version by which she goes on';
COMMENT ON COLUMN activation.journey_visits.customer_id IS 'Who, by the number that she had when she entered';
COMMENT ON COLUMN activation.journey_visits.occasion_on IS 'Day of the event';
COMMENT ON COLUMN activation.journey_visits.step IS 'Where she stands; empty when she has left';
COMMENT ON COLUMN activation.journey_visits.entered_at IS 'When she entered';
COMMENT ON COLUMN activation.journey_visits.arrived_at IS 'When she came to the step';
COMMENT ON COLUMN activation.journey_visits.ended_at IS 'When she left';
COMMENT ON COLUMN activation.journey_moves.visit_id IS 'The visit';
COMMENT ON COLUMN activation.journey_moves.journey IS 'Name of the journey';
COMMENT ON COLUMN activation.journey_moves.version IS 'The version by which she went';
COMMENT ON COLUMN activation.journey_moves.moved_at IS 'When';
COMMENT ON COLUMN activation.journey_moves.tick_id IS 'The tick that moved her';

-- A plan of a journey is of one of its steps; campaigns have one, 0.
ALTER TABLE activation.plans ADD COLUMN step integer NOT NULL DEFAULT 0;
COMMENT ON COLUMN activation.plans.step IS 'Number of the journey''s step (activation.journey_steps); 0 for a campaign';

-- The first instant from `at` on, and after it, at which the person's clock says `local` on one of these days of the week (1 Monday; none:
-- any day). A time that the clock leaves out in spring is as much later as it leaves out; one that it has twice in autumn, the
-- second.
CREATE FUNCTION activation.next_local(at timestamptz, zone text, local time, weekdays integer[]) RETURNS timestamptz
LANGUAGE sql STABLE
RETURN (
    WITH asked AS (
        SELECT
            at AS starts_at,
            (at AT TIME ZONE zone)::date AS starts_on,
            zone AS zone_name,
            local AS local_time,
            weekdays AS on_days
    ),

    days AS (
        SELECT
            a.starts_at,
            a.on_days,
            a.starts_on + n.days AS day,
            (a.starts_on + n.days + a.local_time) AT TIME ZONE a.zone_name AS instant
        FROM asked AS a
        CROSS JOIN generate_series(0, 8) AS n (days)
    )

    SELECT min(d.instant)
    FROM days AS d
    WHERE
        d.instant > d.starts_at
        AND (cardinality(d.on_days) = 0 OR extract(ISODOW FROM d.day)::integer = any(d.on_days))
);

-- How many of each step, as of now.
CREATE VIEW marts.journey_steps AS
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
    coalesce(sum(f.moves) FILTER (WHERE f.from_step = s.step AND f.why LIKE 'refused: %'), 0)::bigint AS refused
FROM steps AS s
LEFT JOIN flows AS f ON s.journey = f.journey AND s.step IN (f.from_step, f.to_step)
LEFT JOIN here AS h ON s.journey = h.journey AND s.step = h.step
GROUP BY s.journey, s.step;

CREATE OR REPLACE VIEW marts.campaign_members AS
SELECT
    m.plan_id,
    p.campaign,
    m.occasion,
    p.channel,
    m.customer_id,
    p.business_date,
    p.is_dry_run,
    p.definition_version,
    p.definition -> 'campaign' -> 'audience' ->> 'where' AS rule,
    p.state AS plan_state,
    p.planned_at,
    m.outcome,
    s.send_id,
    s.state AS send_state,
    s.reason AS send_reason,
    CASE WHEN s.state = 'sent' THEN s.settled_at END AS sent_at,
    m.variant
FROM activation.plan_members AS m
INNER JOIN activation.plans AS p ON m.plan_id = p.plan_id
LEFT JOIN activation.sends AS s
    ON
        p.campaign = s.campaign AND m.occasion = s.occasion AND m.contact_point_id = s.contact_point_id
        AND p.channel = s.channel AND p.step = s.step AND NOT p.is_dry_run
        AND (m.outcome <> 'planned' OR m.plan_id = s.plan_id);

GRANT SELECT ON marts.journey_steps TO marketflow_sender, marketflow_audience, marketflow_analyst;
-- the last look at what another system is told of a person
GRANT SELECT (is_deleted) ON core.customers TO marketflow_sender;
