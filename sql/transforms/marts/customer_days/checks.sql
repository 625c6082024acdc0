-- check: revenue_differs_from_core (stop)
SELECT count(*)
FROM (
    SELECT
        d.ordered_on,
        sum(d.revenue) AS revenue
    FROM marts.customer_days AS d
    WHERE d.ordered_on = any(%(days)s::date [])
    GROUP BY d.ordered_on
) AS m
INNER JOIN (
    SELECT
        o.ordered_on,
        sum(o.revenue) AS revenue
    FROM core.orders AS o
    WHERE o.ordered_on = any(%(days)s::date []) AND o.customer_id IS NOT NULL
    GROUP BY o.ordered_on
) AS c ON m.ordered_on = c.ordered_on
WHERE m.revenue <> c.revenue;
