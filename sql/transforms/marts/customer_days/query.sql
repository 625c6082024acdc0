-- step: replace
DELETE FROM marts.customer_days AS d
WHERE d.ordered_on = any(%(days)s::date []);

-- step: fill
INSERT INTO marts.customer_days (ordered_on, customer_id, orders, revenue, product_ids)
WITH baskets AS (
    SELECT
        l.order_id,
        array_agg(DISTINCT l.product_id) AS product_ids
    FROM core.order_lines AS l
    WHERE l.ordered_on = any(%(days)s::date [])
    GROUP BY l.order_id
),

orders AS (
    SELECT
        o.ordered_on,
        o.customer_id,
        count(*) AS orders,
        sum(o.revenue) AS revenue
    FROM core.orders AS o
    WHERE o.ordered_on = any(%(days)s::date []) AND o.customer_id IS NOT NULL
    GROUP BY o.ordered_on, o.customer_id
),

products AS (
    SELECT
        o.ordered_on,
        o.customer_id,
        array_agg(DISTINCT i.product_id ORDER BY i.product_id) AS product_ids
    FROM core.orders AS o
    INNER JOIN baskets AS b ON o.order_id = b.order_id
    CROSS JOIN unnest(b.product_ids) AS i (product_id)
    WHERE o.customer_id IS NOT NULL
    GROUP BY o.ordered_on, o.customer_id
)

SELECT
    o.ordered_on,
    o.customer_id,
    o.orders,
    o.revenue,
    p.product_ids
FROM orders AS o
INNER JOIN products AS p ON o.ordered_on = p.ordered_on AND o.customer_id = p.customer_id;
