-- What is known of customers at the end of a day, and what they did next. Read by the room `predictions`.

-- name: span
-- The first and the last day with a purchase until the day, and how many customers there are to take a sample of.
WITH live AS (
    SELECT count(*) AS customers
    FROM core.customers AS c
    WHERE c.merged_into IS NULL
),

bought AS (
    SELECT
        min(o.ordered_on) AS first_on,
        max(o.ordered_on) AS last_on
    FROM core.orders AS o
    WHERE o.kind = 'sale' AND o.customer_id IS NOT NULL AND o.ordered_on <= %(as_of)s::date
)

SELECT
    b.first_on,
    b.last_on,
    l.customers
FROM bought AS b
CROSS JOIN live AS l;

-- name: by_index
-- The index has the orders by customer and day, with all that is summed; see features.purchase_summaries.
SELECT
    set_config('enable_hashagg', 'off', TRUE) AS enable_hashagg,
    set_config('random_page_cost', '1.1', TRUE) AS random_page_cost;

-- name: hash_again
SET LOCAL enable_hashagg TO DEFAULT;

-- name: pages_again
SET LOCAL random_page_cost TO DEFAULT;

-- name: features
-- A day with purchases counts once, however many orders it has. Gaps are days between such days. What was brought back
-- takes from the money and is no purchase. The sample is by a hash, so that the order in which ids were given out has no
-- part in it.
WITH days AS (
    SELECT
        o.customer_id,
        o.ordered_on,
        count(*) FILTER (WHERE o.kind = 'sale') AS sales,
        count(*) FILTER (WHERE o.kind = 'return') AS returns,
        coalesce(sum(o.base_revenue), 0) AS revenue
    FROM core.orders AS o
    WHERE
        o.customer_id IS NOT NULL
        AND o.ordered_on <= %(as_of)s::date
        AND (
            %(sample_of)s::bigint = 1
            OR mod(hashint8extended(o.customer_id, %(seed)s::bigint) & 2147483647, %(sample_of)s::bigint) = 0
        )
    GROUP BY o.customer_id, o.ordered_on
),

placed AS (
    SELECT
        d.customer_id,
        d.ordered_on,
        d.sales,
        d.returns,
        d.revenue,
        %(as_of)s::date - d.ordered_on AS age,
        CASE WHEN d.sales > 0 THEN d.ordered_on END AS bought_on,
        CASE WHEN d.sales > 0 THEN max(d.ordered_on) FILTER (WHERE d.sales > 0) OVER earlier END AS before_on
    FROM days AS d
    WINDOW
        earlier AS (PARTITION BY d.customer_id ORDER BY d.ordered_on ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)
),

spaced AS (
    SELECT
        p.customer_id,
        p.sales,
        p.returns,
        p.revenue,
        p.age,
        p.bought_on,
        p.before_on,
        ln((p.bought_on - p.before_on)::double precision) AS log_gap
    FROM placed AS p
),

summed AS (
    SELECT
        s.customer_id,
        min(s.bought_on) AS first_on,
        max(s.bought_on) AS last_on,
        max(s.bought_on) - max(s.before_on) AS last_gap,
        avg(s.log_gap) AS mean_log_gap,
        stddev_samp(s.log_gap) AS std_log_gap,
        avg(s.log_gap) FILTER (WHERE s.age < 84) AS recent_log_gap,
        count(s.bought_on)::integer AS purchase_days,
        (count(s.bought_on) FILTER (WHERE s.age < 14))::integer AS days_14,
        (count(s.bought_on) FILTER (WHERE s.age < 28))::integer AS days_28,
        (count(s.bought_on) FILTER (WHERE s.age < 56))::integer AS days_56,
        (count(s.bought_on) FILTER (WHERE s.age < 84))::integer AS days_84,
        sum(s.revenue) AS revenue,
        coalesce(sum(s.revenue) FILTER (WHERE s.age < 84), 0) AS revenue_84,
        sum(s.sales)::bigint AS sales,
        sum(s.returns)::bigint AS returns
    FROM spaced AS s
    GROUP BY s.customer_id
)

SELECT
    s.customer_id,
    s.first_on,
    s.last_on,
    s.last_gap,
    s.mean_log_gap,
    s.std_log_gap,
    s.recent_log_gap,
    s.purchase_days,
    s.days_14,
    s.days_28,
    s.days_56,
    s.days_84,
    s.revenue,
    s.revenue_84,
    s.sales,
    s.returns
FROM summed AS s
INNER JOIN core.customers AS c ON s.customer_id = c.customer_id
WHERE c.merged_into IS NULL AND s.last_on > %(as_of)s::date - %(window_days)s::integer
ORDER BY s.customer_id;

-- name: next_purchases
-- Days until the first purchase after the day: what is to be foreseen. Who buys nothing until the end has no row.
SELECT
    o.customer_id,
    min(o.ordered_on) - %(as_of)s::date AS days
FROM core.orders AS o
WHERE
    o.kind = 'sale'
    AND o.customer_id IS NOT NULL
    AND o.ordered_on > %(as_of)s::date
    AND o.ordered_on <= %(until)s::date
    AND (
        %(sample_of)s::bigint = 1
        OR mod(hashint8extended(o.customer_id, %(seed)s::bigint) & 2147483647, %(sample_of)s::bigint) = 0
    )
GROUP BY o.customer_id;
