-- step: replace
DELETE FROM marts.revenue_daily AS m
WHERE m.ordered_on = any(%(days)s::date []);

-- step: days
INSERT INTO marts.revenue_daily (ordered_on, currency, orders, order_lines, customers, revenue, discount)
SELECT
    o.ordered_on,
    o.currency,
    count(*),
    sum(o.line_count),
    count(DISTINCT o.customer_id),
    sum(o.revenue),
    sum(o.discount)
FROM core.orders AS o
WHERE o.ordered_on = any(%(days)s::date [])
GROUP BY o.ordered_on, o.currency
ORDER BY o.ordered_on, o.currency;
