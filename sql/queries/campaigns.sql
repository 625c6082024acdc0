-- Statements of the room `campaigns`, up to the release of a plan.

-- name: lock_occasion
-- One planner, decider or releaser per campaign and occasion at a time, until the transaction ends.
SELECT pg_advisory_xact_lock(hashtextextended('campaign' || chr(31) || %(campaign)s || chr(31) || %(occasion)s, 0));

-- name: memory
-- Sorting a large audience at once instead of in pieces on disk; until the transaction's end.
SELECT set_config('work_mem', '128MB', TRUE);

-- name: make_audience
-- The last two are of those whom an event brought; empty means the plan's own occasion and its day.
CREATE TEMPORARY TABLE plan_audience (
    customer_id bigint,
    contact_point_id bigint,
    address_hash bytea,
    occasion text,
    occasion_on date
) ON COMMIT DROP;

-- name: drop_audience
DROP TABLE IF EXISTS pg_temp.plan_audience, pg_temp.plan_content;

-- name: lend_audience
GRANT INSERT ON pg_temp.plan_audience TO marketflow_audience;

-- name: become_audience
-- Within a savepoint: no rights but to read the marts, no writing but to temporary tables, no time without end.
SELECT
    set_config('role', 'marketflow_audience', TRUE) AS role,
    set_config('statement_timeout', %(timeout_ms)s::text, TRUE) AS statement_timeout,
    set_config('transaction_read_only', 'on', TRUE) AS read_only;

-- name: current_settings
SELECT
    current_setting('role') AS role,
    current_setting('statement_timeout') AS statement_timeout;

-- name: restore_settings
SELECT
    set_config('role', %(role)s, TRUE) AS role,
    set_config('statement_timeout', %(statement_timeout)s, TRUE) AS statement_timeout;

-- name: audience_columns
SELECT a.attname
FROM pg_catalog.pg_attribute AS a
WHERE a.attrelid = 'marts.customer_360'::regclass AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY a.attnum;

-- name: audience_of_orders
INSERT INTO pg_temp.plan_audience (customer_id)
SELECT d.customer_id
FROM marts.customer_days AS d
WHERE d.ordered_on = %(occasion_on)s::date;

-- name: account_upsert
INSERT INTO core.contact_points (channel, address_hash, address, first_seen_at)
VALUES (%(channel)s, %(address_hash)s, %(address)s, %(now)s)
ON CONFLICT (channel, address_hash) DO NOTHING;

-- name: audience_of_accounts
-- In a dry run an account may have no contact point yet; nothing is made for it then.
INSERT INTO pg_temp.plan_audience (contact_point_id, address_hash)
SELECT
    c.contact_point_id,
    h.keyed_hash
FROM unnest(%(keyed)s::bytea[]) AS h (keyed_hash)
LEFT JOIN core.contact_points AS c ON h.keyed_hash = c.address_hash AND c.channel = %(channel)s;

-- name: analyze_audience
ANALYZE pg_temp.plan_audience;

-- name: audience_size
SELECT count(*) FROM pg_temp.plan_audience;

-- name: best_sellers_week
SELECT max(t.week_ending_on) FROM marts.top_products AS t
WHERE t.week_ending_on <= %(business_date)s::date;

-- name: plan_insert
INSERT INTO activation.plans (
    campaign, occasion, channel, step, definition_version, definition, is_dry_run, state, business_date, planned_at,
    topic
)
VALUES (
    %(campaign)s, %(occasion)s, %(channel)s, %(step)s, %(version)s, %(definition)s, %(dry_run)s, 'planned',
    %(business_date)s, %(now)s, %(topic)s
)
RETURNING plan_id;

-- name: plan_finish
UPDATE activation.plans
SET
    state = %(state)s,
    audience_size = %(audience)s,
    planned = %(planned)s,
    refusals = %(refusals)s,
    samples = %(samples)s,
    reason = %(reason)s
WHERE plan_id = %(plan_id)s;

-- name: members_delete
DELETE FROM activation.plan_members
WHERE plan_id = %(plan_id)s;

-- name: make_content
CREATE TEMPORARY TABLE plan_content (
    customer_id bigint PRIMARY KEY,
    product_ids bigint[] NOT NULL
) ON COMMIT DROP;

-- name: content_for_customers
-- With goes_with: first what is bought together with the basket of the member's day, by the lift and confidence of the best rule,
-- then what suits the customer, by its rank: a list has each kind of product once, so a high score may stand far down. Never
-- what lies in that basket or in the one that she has left open in the shop, nor two products of one name.
INSERT INTO pg_temp.plan_content (customer_id, product_ids)
WITH chosen AS (
    SELECT
        m.customer_id,
        coalesce(a.occasion_on, %(occasion_on)s::date) AS occasion_on
    FROM activation.plan_members AS m
    LEFT JOIN pg_temp.plan_audience AS a ON m.customer_id = a.customer_id
    WHERE m.plan_id = %(plan_id)s AND m.outcome = 'planned' AND m.customer_id IS NOT NULL
),

baskets AS (
    SELECT
        d.customer_id,
        b.product_id
    FROM chosen AS c
    INNER JOIN marts.customer_days AS d ON c.customer_id = d.customer_id AND c.occasion_on = d.ordered_on
    CROSS JOIN unnest(d.product_ids) AS b (product_id)
    WHERE %(list)s = 'goes_with'
),

basket_names AS (
    SELECT
        b.customer_id,
        p.product_name
    FROM baskets AS b
    INNER JOIN marts.products AS p ON b.product_id = p.product_id
    UNION
    SELECT
        c.customer_id,
        p.product_name
    FROM chosen AS c
    INNER JOIN marts.open_baskets AS o ON c.customer_id = o.customer_id
    INNER JOIN marts.products AS p ON o.product_id = p.product_id
),

candidates AS (
    SELECT
        b.customer_id,
        r.related_product_id AS product_id,
        1 AS source,
        r.score
    FROM baskets AS b
    INNER JOIN marts.related_products AS r ON b.product_id = r.product_id AND r.relation = 'bought_together'
    UNION ALL
    SELECT
        c.customer_id,
        r.product_id,
        2 AS source,
        -r.rank AS score
    FROM chosen AS c
    INNER JOIN marts.product_recommendations AS r ON c.customer_id = r.customer_id
    -- what goes with a basket is filled up with what is new to her
    WHERE r.list = CASE %(list)s WHEN 'goes_with' THEN 'discover' ELSE %(list)s END
    UNION ALL
    SELECT
        c.customer_id,
        t.product_id,
        3 AS source,
        -t.rank AS score
    FROM chosen AS c
    CROSS JOIN marts.top_products AS t
    WHERE %(list)s = 'bestsellers' AND t.week_ending_on = %(week)s::date
),

named AS (
    SELECT DISTINCT ON (k.customer_id, p.product_name)
        k.customer_id,
        k.product_id,
        k.source,
        k.score
    FROM candidates AS k
    INNER JOIN marts.products AS p ON k.product_id = p.product_id AND p.is_recommendable
    WHERE
        NOT EXISTS (
            SELECT 1
            FROM basket_names AS b
            WHERE k.customer_id = b.customer_id AND p.product_name = b.product_name
        )
    ORDER BY k.customer_id ASC, p.product_name ASC, k.source ASC, k.score DESC, k.product_id ASC
),

ranked AS (
    SELECT
        n.customer_id,
        n.product_id,
        row_number() OVER (PARTITION BY n.customer_id ORDER BY n.source ASC, n.score DESC, n.product_id ASC) AS place
    FROM named AS n
)

SELECT
    r.customer_id,
    array_agg(r.product_id ORDER BY r.place) AS product_ids
FROM ranked AS r
WHERE r.place <= %(most)s
GROUP BY r.customer_id;

-- name: content_of_week
-- Written when the week was over: what cannot be had any longer is left out.
SELECT t.product_id
FROM marts.top_products AS t
INNER JOIN marts.products AS p ON t.product_id = p.product_id
WHERE t.week_ending_on = %(week)s::date AND p.is_recommendable
ORDER BY t.rank
LIMIT %(most)s;

-- name: sample_members
-- Of one arm of the experiment, or of all.
-- The first of all, and of each language that the campaign is written in beside its fallback the first.
(
    SELECT
        m.customer_id,
        u.given_name,
        coalesce(
            CASE
                WHEN f.language IS NULL OR lower(split_part(replace(u.locale, '_', '-'), '-', 1)) = f.language THEN u.locale
                ELSE f.language
            END, %(locale)s
        ) AS locale,
        coalesce(k.product_ids, %(product_ids)s::bigint[]) AS product_ids
    FROM activation.plan_members AS m
    LEFT JOIN core.customers AS u ON m.customer_id = u.customer_id
    LEFT JOIN privacy.preferences AS f ON m.contact_point_id = f.contact_point_id
    LEFT JOIN pg_temp.plan_content AS k ON m.customer_id = k.customer_id
    WHERE
        m.plan_id = %(plan_id)s AND m.outcome = 'planned'
        AND (%(variant)s::text IS NULL OR m.variant = %(variant)s::text)
    ORDER BY m.customer_id
    LIMIT %(samples)s
)
UNION
SELECT
    f.customer_id,
    f.given_name,
    f.locale,
    f.product_ids
FROM unnest(%(languages)s::text[]) AS l (language)
CROSS JOIN
    LATERAL (
        SELECT
            m.customer_id,
            u.given_name,
            u.locale,
            coalesce(k.product_ids, %(product_ids)s::bigint[]) AS product_ids
        FROM activation.plan_members AS m
        INNER JOIN core.customers AS u ON m.customer_id = u.customer_id
        LEFT JOIN pg_temp.plan_content AS k ON m.customer_id = k.customer_id
        WHERE
            m.plan_id = %(plan_id)s
            AND m.outcome = 'planned'
            AND (%(variant)s::text IS NULL OR m.variant = %(variant)s::text)
            AND lower(split_part(replace(u.locale, '_', '-'), '-', 1)) = l.language
            AND NOT EXISTS (
                SELECT 1 FROM privacy.preferences AS o
                WHERE o.contact_point_id = m.contact_point_id AND o.language IS NOT NULL
            )
        ORDER BY m.customer_id
        LIMIT 1
    ) AS f
ORDER BY customer_id;

-- name: preview_members
-- Customers to show a campaign's templates with: of the locales that the shop has, and whether they get the campaign or not.
SELECT
    c.given_name,
    c.locale,
    coalesce(p.product_ids, b.product_ids, '{}') AS product_ids
FROM (
    SELECT
        u.customer_id,
        u.given_name,
        u.locale,
        row_number() OVER (PARTITION BY u.locale ORDER BY (u.given_name IS NULL) ASC, u.customer_id ASC) AS place
    FROM core.customers AS u
) AS c
CROSS JOIN
    LATERAL (
        SELECT array_agg(t.product_id ORDER BY t.rank) AS product_ids
        FROM marts.product_recommendations AS t
        WHERE t.customer_id = c.customer_id AND t.list = %(list)s AND t.rank <= %(most)s
    ) AS p
CROSS JOIN
    LATERAL (
        SELECT array_agg(t.product_id ORDER BY t.rank) AS product_ids
        FROM marts.top_products AS t
        WHERE
            t.week_ending_on = (SELECT max(w.week_ending_on) FROM marts.top_products AS w)
            AND t.rank <= %(most)s
    ) AS b
WHERE c.place <= %(samples)s
ORDER BY c.locale, c.place;

-- name: product_names
SELECT
    p.product_id,
    p.product_name
FROM marts.products AS p
WHERE p.product_id = any(%(product_ids)s::bigint[]);

-- name: sends_insert
-- The Message-ID is made of the row's key (marketflow.shared.ids.send_key computes the same; a test compares them). Rows that were never
-- released come over to the new plan (see members_insert); whoever holds them now is the newest plan that chose them.
-- Who is within quiet hours, by the clock of each, gets it after them. A plan that nobody has to release (%(released_at)s) is released here.
INSERT INTO activation.sends AS s (
    campaign, occasion, contact_point_id, channel, step, plan_id, customer_id, purpose, state, reason, priority,
    send_after, expires_at, definition_version, content, message_id, planned_at, released_at,
    is_simulated, is_test, variant
)
WITH chosen AS (
    SELECT
        m.plan_id,
        m.customer_id,
        m.contact_point_id,
        m.occasion,
        m.variant,
        coalesce(u.time_zone, '') AS time_zone
    FROM activation.plan_members AS m
    LEFT JOIN core.customers AS u ON m.customer_id = u.customer_id
    WHERE m.plan_id = %(plan_id)s AND m.outcome = 'planned'
),

-- one look at the clock per zone, not per person
zones AS MATERIALIZED (
    SELECT
        z.time_zone,
        max(
            activation.quiet_until(
                %(now)s::timestamptz,
                activation.known_zone(z.time_zone, activation.known_zone(%(time_zone)s::text, 'UTC')),
                q.quiet_from, q.quiet_to
            )
        ) AS until
    FROM (SELECT DISTINCT c.time_zone FROM chosen AS c) AS z
    CROSS JOIN unnest(%(quiet_from)s::time[], %(quiet_to)s::time[]) AS q (quiet_from, quiet_to)
    GROUP BY z.time_zone
)

SELECT
    %(campaign)s::text,
    m.occasion,
    m.contact_point_id,
    %(channel)s::text,
    %(step)s::integer AS step,
    m.plan_id,
    m.customer_id,
    %(purpose)s::text,
    CASE WHEN %(released_at)s::timestamptz IS NULL THEN 'planned' ELSE 'released' END AS state,
    CASE WHEN z.until IS NOT NULL THEN 'quiet_hours' END AS reason,
    %(priority)s::integer,
    coalesce(z.until, %(now)s::timestamptz) AS send_after,
    %(expires_at)s::timestamptz,
    %(version)s::text,
    jsonb_build_object('product_ids', coalesce(k.product_ids, %(product_ids)s::bigint[])) AS content,
    left(
        encode(
            sha256(
                convert_to(
                    concat_ws(
                        chr(31), 'send', %(campaign)s::text, m.occasion, m.contact_point_id, %(channel)s::text,
                        %(step)s::integer
                    ),
                    'UTF8'
                )
            ),
            'hex'
        ),
        32
    ) || '@' || %(mail_domain)s::text AS message_id,
    %(now)s::timestamptz,
    %(released_at)s::timestamptz,
    p.is_simulated,
    p.is_test,
    m.variant
FROM chosen AS m
INNER JOIN core.contact_points AS p ON m.contact_point_id = p.contact_point_id
LEFT JOIN zones AS z ON m.time_zone = z.time_zone
LEFT JOIN pg_temp.plan_content AS k ON m.customer_id = k.customer_id
ORDER BY m.contact_point_id
ON CONFLICT (campaign, occasion, contact_point_id, channel, step) DO UPDATE
    SET
        plan_id = excluded.plan_id,
        customer_id = excluded.customer_id,
        purpose = excluded.purpose,
        state = excluded.state,
        reason = excluded.reason,
        priority = excluded.priority,
        send_after = excluded.send_after,
        expires_at = excluded.expires_at,
        definition_version = excluded.definition_version,
        content = excluded.content,
        planned_at = excluded.planned_at,
        released_at = excluded.released_at,
        settled_at = NULL,
        is_simulated = excluded.is_simulated,
        is_test = excluded.is_test,
        variant = excluded.variant
    WHERE s.state = 'planned' OR (s.state = 'cancelled' AND s.reason = 'plan_rejected');

-- name: plan_read
SELECT
    p.campaign,
    p.occasion,
    p.state,
    p.is_dry_run,
    coalesce((p.definition ->> 'approval')::boolean, FALSE) AS needs_approval
FROM activation.plans AS p
WHERE p.plan_id = %(plan_id)s;

-- name: plan_decide
UPDATE activation.plans
SET
    state = %(state)s,
    decided_by = %(by)s,
    decided_at = %(now)s
WHERE plan_id = %(plan_id)s AND state = 'planned';

-- name: sends_cancel
UPDATE activation.sends
SET
    state = 'cancelled',
    reason = 'plan_rejected',
    settled_at = %(now)s
WHERE plan_id = %(plan_id)s AND state = 'planned';

-- name: plan_release
UPDATE activation.plans
SET
    state = 'released',
    released_at = %(now)s
WHERE plan_id = %(plan_id)s AND state IN ('planned', 'approved');

-- name: sends_release
UPDATE activation.sends
SET
    state = 'released',
    released_at = %(now)s
WHERE plan_id = %(plan_id)s AND state = 'planned';

-- name: sends_released
SELECT count(*) FROM activation.sends AS s
WHERE s.plan_id = %(plan_id)s AND s.released_at IS NOT NULL;
