-- step: replace
DELETE FROM marts.revenue_daily AS m
WHERE m.ordered_on = any(%(days)s::date[]);

-- step: days
INSERT INTO marts.revenue_daily (
    ordered_on, currency, orders, order_lines, customers, revenue, discount, given_back, base_revenue
)
SELECT
    o.ordered_on,
    o.currency,
    count(*) FILTER (WHERE o.kind = 'sale') AS orders,
    coalesce(sum(o.line_count) FILTER (WHERE o.kind = 'sale'), 0) AS order_lines,
    count(DISTINCT o.customer_id) FILTER (WHERE o.kind = 'sale') AS customers,
    sum(o.revenue) AS revenue,
    sum(o.discount) AS discount,
    coalesce(-sum(o.revenue) FILTER (WHERE o.kind <> 'sale'), 0) AS given_back,
    CASE WHEN bool_and(o.base_revenue IS NOT NULL) THEN sum(o.base_revenue) END AS base_revenue
FROM core.orders AS o
WHERE o.ordered_on = any(%(days)s::date[])
GROUP BY o.ordered_on, o.currency
ORDER BY o.ordered_on, o.currency;
