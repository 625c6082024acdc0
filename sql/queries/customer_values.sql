-- Statements of customer values. A purchase day is a day with a sale: a thousand orders in a day are one.

-- name: forget
DROP TABLE IF EXISTS pg_temp.purchase_days;

-- name: gather
-- The days from each customer's first purchase day on, sorted by customer. Goods brought back and cancellations lessen
-- the money of the day on which they came back; orders without a rate for their currency have no money.
CREATE TEMPORARY TABLE purchase_days ON COMMIT DROP AS
SELECT
    n.customer_id,
    n.ordered_on,
    n.bought,
    n.money,
    n.first_on
FROM (
    SELECT
        o.customer_id,
        o.ordered_on,
        bool_or(o.kind = 'sale') AS bought,
        sum(o.base_revenue) AS money,
        min(CASE WHEN bool_or(o.kind = 'sale') THEN o.ordered_on END) OVER (PARTITION BY o.customer_id) AS first_on
    FROM core.orders AS o
    WHERE
        o.customer_id IS NOT NULL
        AND o.ordered_on <= %(as_of)s::date
        AND (%(window_days)s::integer IS NULL OR o.ordered_on > %(as_of)s::date - %(window_days)s::integer)
    GROUP BY o.customer_id, o.ordered_on
) AS n
WHERE n.ordered_on >= n.first_on;

-- name: count_gathered
ANALYZE pg_temp.purchase_days;

-- name: summaries
-- What each customer had bought by the cut: numbers of purchase days, and days counted back from the cut. `paid` is the
-- money after the first purchase day and `paid_days` the purchase days that it is of; `previous` is the last horizon.
SELECT
    d.customer_id,
    %(cut)s::date - min(d.first_on) AS first_ago,
    %(cut)s::date - max(d.ordered_on) FILTER (WHERE d.bought) AS last_ago,
    count(*) FILTER (WHERE d.bought) AS days,
    %(cut)s::date - min(d.ordered_on) FILTER (
        WHERE d.bought AND d.ordered_on > %(cut)s::date - %(long_days)s::integer
    ) AS long_first_ago,
    count(*) FILTER (WHERE d.bought AND d.ordered_on > %(cut)s::date - %(long_days)s::integer) AS long_days,
    %(cut)s::date - min(d.ordered_on) FILTER (
        WHERE d.bought AND d.ordered_on > %(cut)s::date - %(short_days)s::integer
    ) AS short_first_ago,
    count(*) FILTER (WHERE d.bought AND d.ordered_on > %(cut)s::date - %(short_days)s::integer) AS short_days,
    count(*) FILTER (WHERE d.bought AND d.ordered_on > d.first_on AND d.money IS NOT NULL) AS paid_days,
    coalesce(sum(d.money) FILTER (WHERE d.ordered_on > d.first_on), 0) AS paid,
    coalesce(sum(d.money), 0) AS money,
    count(*) FILTER (WHERE d.bought AND d.ordered_on > %(cut)s::date - %(horizon_days)s::integer) AS previous_days,
    coalesce(
        sum(d.money) FILTER (WHERE d.ordered_on > %(cut)s::date - %(horizon_days)s::integer), 0
    ) AS previous_money
FROM pg_temp.purchase_days AS d
WHERE d.ordered_on <= %(cut)s::date
GROUP BY d.customer_id
ORDER BY d.customer_id;

-- name: outcomes
-- What those who had bought by the cut bought in the horizon after it.
SELECT
    d.customer_id,
    count(*) FILTER (WHERE d.bought) AS bought_days,
    coalesce(sum(d.money), 0) AS money
FROM pg_temp.purchase_days AS d
WHERE d.first_on <= %(cut)s::date AND d.ordered_on > %(cut)s::date AND d.ordered_on <= %(until)s::date
GROUP BY d.customer_id
ORDER BY d.customer_id;

-- name: repeats_by_day
-- Purchase days after the first, by day until the end of the horizon, of those who had bought by the cut.
SELECT
    d.ordered_on,
    count(*) AS repeats
FROM pg_temp.purchase_days AS d
WHERE d.bought AND d.first_on <= %(cut)s::date AND d.ordered_on > d.first_on AND d.ordered_on <= %(until)s::date
GROUP BY d.ordered_on
ORDER BY d.ordered_on;
