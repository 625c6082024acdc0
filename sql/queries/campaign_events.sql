-- What happened to customers, for campaigns that events start. Each `found_*` fills pg_temp.plan_events with the events of
-- the days %(first_on)s to %(last_on)s; the others keep of them what this run is to deal with.

-- name: lock_campaign
-- One planner per campaign at a time, whatever the occasion: two would take the same events, or spend one budget twice.
SELECT pg_advisory_xact_lock(hashtextextended('campaign events' || chr(31) || %(campaign)s, 0));

-- name: watermark
SELECT
    w.started_on,
    w.taken_until
FROM activation.event_watermarks AS w
WHERE w.campaign = %(campaign)s;

-- name: drop_events
DROP TABLE IF EXISTS pg_temp.plan_events;

-- name: make_events
CREATE TEMPORARY TABLE plan_events (
    customer_id bigint NOT NULL,
    occasion text NOT NULL,
    occasion_on date NOT NULL,
    occurred_at timestamptz NOT NULL,
    place integer
) ON COMMIT DROP;

-- name: found_order_placed
-- The day is the occasion: who orders twice on one is thanked once, for all of it, when it is complete.
INSERT INTO pg_temp.plan_events (customer_id, occasion, occasion_on, occurred_at)
SELECT
    d.customer_id,
    d.ordered_on::text AS occasion,
    d.ordered_on,
    d.ordered_on::timestamp AT TIME ZONE %(time_zone)s AS occurred_at
FROM marts.customer_days AS d
WHERE d.ordered_on BETWEEN %(first_on)s::date AND least(%(last_on)s::date, %(business_date)s::date);

-- name: found_cart_abandoned
-- A basket into which nothing was put for so long. The time of the last product is the occasion; taking one out again, or
-- a basket that was dealt with after that time, is no new event.
INSERT INTO pg_temp.plan_events (customer_id, occasion, occasion_on, occurred_at)
WITH baskets AS (
    SELECT
        b.customer_id,
        max(b.added_at) AS left_at
    FROM marts.open_baskets AS b
    GROUP BY b.customer_id
)

SELECT
    b.customer_id,
    'cart-' || to_char(b.left_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS occasion,
    (b.left_at AT TIME ZONE %(time_zone)s)::date AS occasion_on,
    b.left_at
FROM baskets AS b
WHERE
    b.left_at <= %(now)s::timestamptz - %(after)s::interval
    AND (b.left_at AT TIME ZONE %(time_zone)s)::date BETWEEN %(first_on)s::date AND %(last_on)s::date
    AND NOT EXISTS (
        SELECT FROM activation.taken_events AS t
        WHERE t.campaign = %(campaign)s AND t.customer_id = b.customer_id AND t.occurred_at > b.left_at
    );

-- name: found_signed_up
-- By the names that Segment (Signed Up, Account Created), GA4 (sign_up) and others have for it. One welcomes once: the site
-- and the server may both tell it. Who is not in the marts yet has no address there either: a later run finds her.
INSERT INTO pg_temp.plan_events (customer_id, occasion, occasion_on, occurred_at)
SELECT
    coalesce(c.merged_into, c.customer_id) AS customer_id,
    'signed_up' AS occasion,
    min(e.occurred_on) AS occasion_on,
    min(e.occurred_at) AS occurred_at
FROM core.events AS e
INNER JOIN core.customers AS c ON e.customer_id = c.customer_id
INNER JOIN marts.customer_360 AS m ON coalesce(c.merged_into, c.customer_id) = m.customer_id
WHERE
    e.event_type IN ('signed_up', 'sign_up', 'signup', 'user_signed_up', 'account_created', 'registered')
    AND e.occurred_on BETWEEN %(first_on)s::date AND %(last_on)s::date
    AND e.occurred_at <= %(now)s::timestamptz
GROUP BY coalesce(c.merged_into, c.customer_id);

-- name: found_entered_segment
-- Who has left it again meanwhile is not written to about it.
INSERT INTO pg_temp.plan_events (customer_id, occasion, occasion_on, occurred_at)
SELECT
    c.customer_id,
    c.segment || '-' || c.segment_since::text AS occasion,
    c.segment_since,
    c.segment_since::timestamp AT TIME ZONE %(time_zone)s AS occurred_at
FROM marts.customer_360 AS c
WHERE c.segment = %(segment)s AND c.segment_since BETWEEN %(first_on)s::date AND %(last_on)s::date;

-- name: birth_dates
-- Encrypted, and read by Python a block at a time: the day is kept nowhere else. Only of those who can be written to.
SELECT
    c.customer_id,
    c.birth_date
FROM core.customers AS c
INNER JOIN marts.customer_360 AS m ON c.customer_id = m.customer_id
WHERE c.birth_date IS NOT NULL AND c.merged_into IS NULL AND NOT c.is_deleted AND m.email_contact_point_id IS NOT NULL;

-- name: found_birthday
INSERT INTO pg_temp.plan_events (customer_id, occasion, occasion_on, occurred_at)
SELECT
    b.customer_id,
    'birthday-' || extract(YEAR FROM b.day)::text AS occasion,
    b.day,
    b.day::timestamp AT TIME ZONE %(time_zone)s AS occurred_at
FROM unnest(%(customer_ids)s::bigint[], %(days)s::date[]) AS b (customer_id, day);

-- name: analyze_events
ANALYZE pg_temp.plan_events;

-- name: forget_taken
-- Dealt with by an earlier plan, unless its message was never released (the plan's run died, or a person rejected the plan and
-- the campaign has been changed since: the same plan would only be rejected again), the address or the consent was missing and
-- may have come, or the limit of the day or of the run was reached. %(again_on)s: a day that is looked at anew as a whole.
DELETE FROM pg_temp.plan_events AS e
USING activation.taken_events AS t
WHERE
    t.campaign = %(campaign)s
    AND t.customer_id = e.customer_id
    AND t.occasion = e.occasion
    AND e.occasion_on IS DISTINCT FROM %(again_on)s::date
    AND NOT (
        t.outcome IN ('no_contact_point', 'no_consent', 'daily_limit', 'audience_limit')
        AND e.occasion_on >= %(oldest_on)s::date
    )
    -- who is held out has no message: the plan says it
    AND NOT EXISTS (
        SELECT FROM activation.plans AS p
        WHERE
            p.plan_id = t.plan_id AND t.outcome = 'experiment_holdout'
            AND (
                p.state IN ('planned', 'approved')
                OR (p.state = 'rejected' AND p.definition_version <> %(version)s)
            )
    )
    AND NOT EXISTS (
        SELECT FROM activation.sends AS s
        WHERE
            s.campaign = %(campaign)s AND s.occasion = e.occasion AND s.plan_id = t.plan_id
            AND s.customer_id = e.customer_id
            AND (
                s.state = 'planned'
                OR (s.state = 'cancelled' AND s.reason = 'plan_rejected' AND s.definition_version <> %(version)s)
            )
    );

-- name: rank_events
-- One message for a customer, about the newest event; one that was dealt with before comes last.
UPDATE pg_temp.plan_events AS e
SET place = r.place
FROM (
    SELECT
        p.customer_id,
        p.occasion,
        row_number() OVER (
            PARTITION BY p.customer_id
            ORDER BY t.plan_id IS NOT NULL, p.occurred_at DESC, p.occasion DESC
        ) AS place
    FROM pg_temp.plan_events AS p
    LEFT JOIN activation.taken_events AS t
        ON t.campaign = %(campaign)s AND p.customer_id = t.customer_id AND p.occasion = t.occasion
) AS r
WHERE e.customer_id = r.customer_id AND e.occasion = r.occasion;

-- name: unname_events
-- A person has named the occasion: it is for all of them.
UPDATE pg_temp.plan_audience
SET
    occasion = NULL,
    occasion_on = NULL;

-- name: audience_of_events
INSERT INTO pg_temp.plan_audience (customer_id, occasion, occasion_on)
SELECT
    e.customer_id,
    e.occasion,
    e.occasion_on
FROM pg_temp.plan_events AS e
WHERE e.place = 1;

-- name: keep_events
-- Of those whom the condition selects, the ones to whom it happened.
DELETE FROM pg_temp.plan_audience AS a
WHERE NOT EXISTS (
    SELECT FROM pg_temp.plan_events AS e
    WHERE e.customer_id = a.customer_id
);

-- name: name_events
UPDATE pg_temp.plan_audience AS a
SET
    occasion = e.occasion,
    occasion_on = e.occasion_on
FROM pg_temp.plan_events AS e
WHERE e.customer_id = a.customer_id AND e.place = 1;

-- name: take_events
-- In the planning transaction, after everybody has an outcome. Who does not fit the condition now is looked at again.
INSERT INTO activation.taken_events AS t (campaign, customer_id, occasion, occasion_on, occurred_at, outcome, plan_id)
SELECT
    %(campaign)s::text,
    e.customer_id,
    e.occasion,
    e.occasion_on,
    e.occurred_at,
    CASE e.place WHEN 1 THEN m.outcome ELSE 'superseded' END AS outcome,
    m.plan_id
FROM pg_temp.plan_events AS e
INNER JOIN activation.plan_members AS m ON e.customer_id = m.customer_id AND m.plan_id = %(plan_id)s
ON CONFLICT (campaign, customer_id, occasion) DO UPDATE
    SET
        outcome = excluded.outcome,
        plan_id = excluded.plan_id
    WHERE excluded.outcome <> 'already_planned';

-- name: move_watermark
INSERT INTO activation.event_watermarks AS w (campaign, started_on, taken_until, plan_id)
VALUES (%(campaign)s, %(started_on)s, %(now)s, %(plan_id)s)
ON CONFLICT (campaign) DO UPDATE
    SET
        taken_until = greatest(w.taken_until, excluded.taken_until),
        plan_id = excluded.plan_id;

-- name: begin_watermark
-- The first plan was refused: what happens from its day on is not lost until one succeeds. Nothing is taken yet.
INSERT INTO activation.event_watermarks (campaign, started_on, taken_until, plan_id)
VALUES (
    %(campaign)s, %(started_on)s::date, %(started_on)s::date::timestamp AT TIME ZONE %(time_zone)s, %(plan_id)s
)
ON CONFLICT (campaign) DO NOTHING;

-- name: forget_old_events
-- No run looks so far back.
DELETE FROM activation.taken_events AS t
WHERE t.campaign = %(campaign)s AND t.occasion_on < %(first_on)s::date;

-- name: spent
-- Messages of the campaign that cost, or may. Those that this plan takes over from one that was never released do not count, nor
-- those of a plan that nobody decided before they expired: released now they would not be sent.
SELECT
    count(*) AS messages,
    count(*) FILTER (WHERE s.planned_at >= %(day_began)s::timestamptz) AS today
FROM activation.sends AS s
WHERE
    s.campaign = %(campaign)s AND NOT s.is_test AND s.state NOT IN ('cancelled', 'skipped', 'expired')
    AND NOT (s.state = 'planned' AND s.expires_at <= %(now)s::timestamptz)
    AND NOT (
        s.state = 'planned'
        AND EXISTS (
            SELECT FROM activation.plan_members AS m
            WHERE
                m.plan_id = %(plan_id)s AND m.customer_id = s.customer_id
                AND m.contact_point_id = s.contact_point_id AND m.occasion = s.occasion
        )
    );

-- name: limit_members
-- Beyond what may still be planned. A fair choice, and the same one each time.
UPDATE activation.plan_members AS m
SET outcome = %(reason)s
FROM (
    SELECT
        p.customer_id,
        row_number() OVER (ORDER BY md5(%(campaign)s::text || p.customer_id), p.customer_id) AS place
    FROM activation.plan_members AS p
    WHERE p.plan_id = %(plan_id)s AND p.outcome = 'planned' AND p.customer_id IS NOT NULL
) AS r
WHERE m.plan_id = %(plan_id)s AND m.customer_id = r.customer_id AND r.place > %(room)s::bigint;

-- name: count_members
SELECT
    m.outcome,
    count(*) AS members
FROM activation.plan_members AS m
WHERE m.plan_id = %(plan_id)s
GROUP BY m.outcome
ORDER BY m.outcome;

-- name: trial_contents
-- The products that up to three of those who would get it would see.
SELECT coalesce(k.product_ids, %(product_ids)s::bigint[]) AS product_ids
FROM activation.plan_members AS m
LEFT JOIN pg_temp.plan_content AS k ON m.customer_id = k.customer_id
WHERE m.plan_id = %(plan_id)s AND m.outcome = 'planned'
ORDER BY m.customer_id
LIMIT %(samples)s;

-- name: trial_contacts
-- Addresses of the shop's own people. One that belongs to a customer stays hers; only the messages are a test then.
INSERT INTO core.contact_points (channel, address_hash, address, is_test, first_seen_at)
SELECT
    'email' AS channel,
    a.address_hash,
    a.address,
    TRUE AS is_test,
    %(now)s::timestamptz
FROM unnest(%(keyed)s::bytea[], %(addresses)s::bytea[]) AS a (address_hash, address)
ON CONFLICT (channel, address_hash) DO NOTHING;

-- name: trial_plan
-- A plan beside the one that was counted: what it holds is released without an approval, and reaches no customer.
INSERT INTO activation.plans (
    campaign, occasion, channel, definition_version, definition, is_dry_run, state, business_date, audience_size, planned,
    planned_at, released_at, reason
)
VALUES (
    %(campaign)s, 'test:' || %(plan_id)s::bigint, %(channel)s, %(version)s, %(test_definition)s, FALSE, 'released',
    %(business_date)s, 0, 0, %(now)s, %(now)s, 'test_addresses'
)
RETURNING plan_id;

-- name: trial_sends
-- No customer, so no name and nothing that is counted; transactional, since a colleague has asked for it herself.
INSERT INTO activation.sends (
    campaign, occasion, contact_point_id, channel, step, plan_id, purpose, state, priority, send_after, expires_at,
    definition_version, content, message_id, planned_at, is_test, variant
)
SELECT
    %(campaign)s::text,
    'test:' || %(plan_id)s::bigint AS occasion,
    p.contact_point_id,
    %(channel)s::text,
    c.step,
    %(test_plan_id)s::bigint,
    'transactional' AS purpose,
    'planned' AS state,
    1 AS priority,
    %(now)s::timestamptz,
    %(now)s::timestamptz + interval '1 day',
    %(version)s::text,
    c.content,
    left(
        encode(
            sha256(
                convert_to(
                    concat_ws(
                        chr(31), 'send', %(campaign)s::text, 'test:' || %(plan_id)s::bigint, p.contact_point_id,
                        %(channel)s::text, c.step
                    ),
                    'UTF8'
                )
            ),
            'hex'
        ),
        32
    ) || '@' || %(mail_domain)s::text AS message_id,
    %(now)s::timestamptz,
    TRUE AS is_test,
    c.variant
FROM core.contact_points AS p
CROSS JOIN unnest(%(steps)s::integer[], %(contents)s::jsonb[], %(variants)s::text[]) AS c (step, content, variant)
WHERE p.channel = 'email' AND p.address_hash = any(%(keyed)s::bytea[]) AND octet_length(p.address) > 0
ORDER BY p.contact_point_id, c.step;

-- name: trial_counted
UPDATE activation.plans
SET
    audience_size = %(messages)s,
    planned = %(messages)s
WHERE plan_id = %(test_plan_id)s;

-- name: trial_noted
INSERT INTO privacy.audit_log (happened_at, actor, action, object, records)
VALUES (%(now)s, %(actor)s, 'test_send', %(campaign)s, %(messages)s);
