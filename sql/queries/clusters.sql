-- Statements of the model `clusters`: what is known of the customers as of a day, and the clusters of the run before.

-- name: memory
-- Sorting and hashing a million customers' orders at once instead of in pieces on disk.
SELECT set_config('work_mem', '128MB', TRUE) AS work_mem;

-- name: live_count
SELECT count(*) AS customers
FROM core.customers AS c
WHERE c.merged_into IS NULL;

-- name: forget_customers
DROP TABLE IF EXISTS pg_temp.clustered_customers;

-- name: choose_customers
-- A zone that this server does not know is taken for the shop's.
-- Who bought something within the window; of a sample, those whose number falls below `kept` of 1,000,003 when scattered.
CREATE TEMPORARY TABLE clustered_customers ON COMMIT DROP AS
SELECT
    c.customer_id,
    coalesce(z.name, %(time_zone)s::text) AS time_zone
FROM core.customers AS c
LEFT JOIN pg_timezone_names AS z ON c.time_zone = z.name
WHERE
    c.merged_into IS NULL
    AND mod(mod(c.customer_id, 1000003) * 618034, 1000003) < %(kept)s::bigint
    AND EXISTS (
        SELECT FROM core.orders AS o
        WHERE
            o.customer_id = c.customer_id
            AND o.kind = 'sale'
            AND o.ordered_on <= %(as_of)s::date
            AND o.ordered_on > %(as_of)s::date - %(window_days)s::integer
    );

-- name: count_customers
ANALYZE pg_temp.clustered_customers;

-- name: behaviour
-- How, when and for how much each of them bought. Evening and weekend are those of the customer's own time zone and of the
-- shop's calendar day. What was brought back takes from the revenue; what has no exchange rate adds nothing to it.
SELECT
    c.customer_id,
    (%(as_of)s::date - max(o.ordered_on) FILTER (WHERE o.kind = 'sale'))::bigint AS recency_days,
    (%(as_of)s::date - min(o.ordered_on) FILTER (WHERE o.kind = 'sale') + 1)::bigint AS known_days,
    count(*) FILTER (WHERE o.kind = 'sale') AS orders,
    count(DISTINCT o.ordered_on) FILTER (WHERE o.kind = 'sale') AS purchase_days,
    coalesce(sum(o.base_revenue), 0)::double precision AS revenue,
    coalesce(sum(o.base_revenue) FILTER (WHERE o.kind = 'sale'), 0)::double precision AS sales,
    coalesce(sum(o.line_count) FILTER (WHERE o.kind = 'sale'), 0)::bigint AS lines,
    coalesce(sum(o.discount) FILTER (WHERE o.kind = 'sale'), 0)::double precision AS discount,
    coalesce(sum(o.revenue + o.discount) FILTER (WHERE o.kind = 'sale'), 0)::double precision AS full_price,
    count(*) FILTER (WHERE o.kind = 'sale' AND extract(ISODOW FROM o.ordered_on) >= 6) AS weekend_orders,
    count(*) FILTER (
        WHERE o.kind = 'sale' AND extract(HOUR FROM o.ordered_at AT TIME ZONE c.time_zone) >= %(evening_from)s::integer
    ) AS evening_orders
FROM pg_temp.clustered_customers AS c
INNER JOIN core.orders AS o ON c.customer_id = o.customer_id
WHERE o.ordered_on <= %(as_of)s::date AND o.ordered_on > %(as_of)s::date - %(window_days)s::integer
GROUP BY c.customer_id
HAVING count(*) FILTER (WHERE o.kind = 'sale') > 0
ORDER BY c.customer_id;

-- name: forget_spending
DROP TABLE IF EXISTS pg_temp.cluster_spending;

-- name: add_up_spending
-- What every customer spent in which department, in the order lines of all periods that a run looks at, so that these
-- are read once: 0 before the window, 1 within it until the cut of the backtest, 2 after the cut. In the shop's own
-- currency; an order without an exchange rate says nothing.
CREATE TEMPORARY TABLE cluster_spending ON COMMIT DROP AS
WITH placed AS MATERIALIZED (
    SELECT
        p.source,
        p.external_id,
        coalesce(p.department, p.category, '') AS department,
        (dense_rank() OVER (ORDER BY coalesce(p.department, p.category, '')))::integer AS place
    FROM core.products AS p
),

bought AS (
    SELECT
        o.order_id,
        o.source,
        o.customer_id,
        CASE
            WHEN o.ordered_on > %(cut_on)s::date THEN 2
            WHEN o.ordered_on > %(as_of)s::date - %(window_days)s::integer THEN 1
            ELSE 0
        END AS period,
        nullif(round(o.base_revenue / o.revenue, 6), 1) AS rate
    FROM core.orders AS o
    WHERE
        o.customer_id IS NOT NULL
        AND o.kind = 'sale'
        AND o.ordered_on <= %(as_of)s::date
        AND o.ordered_on > %(cut_on)s::date - %(window_days)s::integer
        AND o.revenue > 0
        AND o.base_revenue > 0
),

spent AS (
    SELECT
        o.customer_id,
        p.place,
        o.period,
        sum(CASE WHEN o.rate IS NULL THEN l.amount ELSE l.amount * o.rate END) AS amount
    FROM bought AS o
    INNER JOIN core.baskets AS b ON o.order_id = b.order_id
    CROSS JOIN
        LATERAL (
            SELECT
                unnest(b.product_refs) AS product_ref,
                unnest(b.amounts) AS amount
        ) AS l
    INNER JOIN placed AS p ON o.source = p.source AND l.product_ref = p.external_id
    WHERE l.amount > 0
    GROUP BY o.customer_id, p.place, o.period
)

SELECT
    s.customer_id,
    s.period::smallint AS period,
    s.place,
    s.amount::double precision AS amount
FROM spent AS s;

-- name: count_spending
ANALYZE pg_temp.cluster_spending;

-- name: departments
-- Those in which most was spent; what names no department belongs to the others.
WITH placed AS MATERIALIZED (
    SELECT DISTINCT
        coalesce(p.department, p.category, '') AS department,
        (dense_rank() OVER (ORDER BY coalesce(p.department, p.category, '')))::integer AS place
    FROM core.products AS p
),

biggest AS (
    SELECT
        s.place,
        round(sum(s.amount)::numeric, 2) AS spent
    FROM pg_temp.cluster_spending AS s
    WHERE s.period = any(%(periods)s::integer[])
    GROUP BY s.place
)

SELECT
    b.place,
    p.department
FROM biggest AS b
INNER JOIN placed AS p ON b.place = p.place
WHERE p.department <> '' AND b.spent > 0
ORDER BY b.spent DESC, p.department ASC
LIMIT %(most)s::integer;

-- name: spending
-- What each of the customers spent in each of at most eight departments, and in all others.
WITH spent AS (
    SELECT
        s.customer_id,
        coalesce(array_position(%(places)s::integer[], s.place), 0) AS place,
        s.amount
    FROM pg_temp.clustered_customers AS c
    INNER JOIN pg_temp.cluster_spending AS s ON c.customer_id = s.customer_id
    WHERE s.period = any(%(periods)s::integer[])
)

SELECT
    s.customer_id,
    coalesce(sum(s.amount) FILTER (WHERE s.place = 0), 0) AS spent_0,
    coalesce(sum(s.amount) FILTER (WHERE s.place = 1), 0) AS spent_1,
    coalesce(sum(s.amount) FILTER (WHERE s.place = 2), 0) AS spent_2,
    coalesce(sum(s.amount) FILTER (WHERE s.place = 3), 0) AS spent_3,
    coalesce(sum(s.amount) FILTER (WHERE s.place = 4), 0) AS spent_4,
    coalesce(sum(s.amount) FILTER (WHERE s.place = 5), 0) AS spent_5,
    coalesce(sum(s.amount) FILTER (WHERE s.place = 6), 0) AS spent_6,
    coalesce(sum(s.amount) FILTER (WHERE s.place = 7), 0) AS spent_7,
    coalesce(sum(s.amount) FILTER (WHERE s.place = 8), 0) AS spent_8
FROM spent AS s
GROUP BY s.customer_id
ORDER BY s.customer_id;

-- name: people
-- What was known of them on that day. The first that was ever known holds for the time before it, too: an age band is no
-- news of the day on which it is told. Of several records of a customer the newest that says something counts.
WITH at_the_time AS (
    SELECT DISTINCT ON (v.source, v.external_id, v.feed)
        c.customer_id,
        v.valid_from,
        v.is_deleted,
        v.age_band,
        v.income_band,
        v.household_size,
        v.kids_count
    FROM pg_temp.clustered_customers AS c
    INNER JOIN core.customer_identifiers AS i ON c.customer_id = i.customer_id
    INNER JOIN core.customer_versions AS v ON i.source = v.source AND i.external_id = v.external_id
    CROSS JOIN (SELECT (%(as_of)s::date + 1)::timestamp AT TIME ZONE %(time_zone)s::text AS ends_at) AS d
    ORDER BY
        v.source ASC, v.external_id ASC, v.feed ASC, v.valid_from < d.ends_at DESC,
        CASE WHEN v.valid_from < d.ends_at THEN v.valid_from END DESC, v.valid_from ASC
)

SELECT
    a.customer_id,
    (array_agg(a.age_band ORDER BY a.valid_from DESC) FILTER (WHERE a.age_band IS NOT NULL))[1] AS age_band,
    (array_agg(a.income_band ORDER BY a.valid_from DESC) FILTER (WHERE a.income_band IS NOT NULL))[1] AS income_band,
    (array_agg(a.household_size ORDER BY a.valid_from DESC) FILTER (
        WHERE a.household_size IS NOT NULL
    ))[1] AS household_size,
    (array_agg(a.kids_count ORDER BY a.valid_from DESC) FILTER (WHERE a.kids_count IS NOT NULL))[1] AS kids_count
FROM at_the_time AS a
WHERE
    NOT a.is_deleted
    AND (
        a.age_band IS NOT NULL OR a.income_band IS NOT NULL OR a.household_size IS NOT NULL
        OR a.kids_count IS NOT NULL
    )
GROUP BY a.customer_id
ORDER BY a.customer_id;

-- name: published
-- The clusters that are published, unless they are of a later day.
SELECT p.run_id
FROM models.published AS p
INNER JOIN models.runs AS r ON p.run_id = r.run_id
WHERE p.model = 'clusters' AND r.as_of <= %(as_of)s::date;

-- name: members_before
-- The clusters that the marts read now; by the run's number as a value, so that only its rows are looked at.
SELECT
    m.customer_id,
    m.cluster_id::bigint AS cluster_id
FROM models.clusters AS m
WHERE m.run_id = %(run_id)s::bigint;

-- name: names_before
SELECT
    p.cluster_id,
    p.name
FROM models.cluster_profiles AS p
WHERE p.run_id = %(run_id)s::bigint
ORDER BY p.cluster_id;

-- name: highest_number
SELECT coalesce(max(p.cluster_id), 0) AS cluster_id
FROM models.cluster_profiles AS p;
