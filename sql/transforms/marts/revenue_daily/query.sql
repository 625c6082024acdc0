-- step: replace
DELETE FROM marts.revenue_daily AS m
WHERE m.ordered_on = any(%(days)s::date[]);

-- step: days
INSERT INTO marts.revenue_daily (ordered_on, currency, orders, order_lines, customers, revenue, discount)
SELECT
    o.ordered_on,
    o.currency,
    count(*) AS orders,
    sum(o.line_count) AS order_lines,
    count(DISTINCT o.customer_id) AS customers,
    sum(o.revenue) AS revenue,
    sum(o.discount) AS discount
FROM core.orders AS o
WHERE o.ordered_on = any(%(days)s::date[])
GROUP BY o.ordered_on, o.currency
ORDER BY o.ordered_on, o.currency;
