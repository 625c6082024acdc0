-- step: replace
DELETE FROM marts.customer_days AS m
WHERE m.ordered_on = any(%(days)s::date[]);

-- step: days
INSERT INTO marts.customer_days (ordered_on, customer_id, orders, revenue, product_ids)
SELECT
    o.ordered_on,
    o.customer_id,
    count(*) AS orders,
    sum(o.revenue) AS revenue,
    (
        SELECT array_agg(DISTINCT l.product_id ORDER BY l.product_id)
        FROM core.order_lines AS l
        WHERE l.order_id = any(array_agg(o.order_id))
    ) AS product_ids
FROM core.orders AS o
WHERE o.ordered_on = any(%(days)s::date[]) AND o.customer_id IS NOT NULL AND o.kind = 'sale'
GROUP BY o.ordered_on, o.customer_id
ORDER BY o.ordered_on, o.customer_id;
