-- check: differs_from_orders (stop)
SELECT count(*)
FROM (
    SELECT
        o.ordered_on,
        o.currency,
        sum(o.revenue) AS revenue
    FROM core.orders AS o
    WHERE o.ordered_on = any(%(days)s::date[])
    GROUP BY o.ordered_on, o.currency
) AS o
FULL JOIN (
    SELECT r.*
    FROM marts.revenue_daily AS r
    WHERE r.ordered_on = any(%(days)s::date[])
) AS m ON o.ordered_on = m.ordered_on AND o.currency = m.currency
WHERE o.revenue IS DISTINCT FROM m.revenue;

-- check: half_of_the_week_before (warn)
-- The newest day sold less than half of the mean of the seven days before it.
SELECT count(*)
FROM marts.revenue_daily AS m
WHERE
    m.ordered_on = %(as_of)s::date
    AND m.revenue < (
        SELECT avg(w.revenue) / 2 FROM marts.revenue_daily AS w
        WHERE w.currency = m.currency AND w.ordered_on BETWEEN m.ordered_on - 7 AND m.ordered_on - 1
    );
