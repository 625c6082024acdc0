-- check: lines_differ_from_order (stop)
SELECT count(*)
FROM (
    SELECT
        o.order_id,
        o.line_count,
        o.revenue
    FROM core.orders AS o
    INNER JOIN incoming_orders AS n ON o.order_id = n.order_id
    WHERE n.outcome IN ('new', 'replaced')
) AS o
LEFT JOIN (
    SELECT
        l.order_id,
        count(*) AS line_count,
        sum(l.amount) AS revenue
    FROM core.order_lines AS l
    WHERE l.order_id IN (SELECT n.order_id FROM incoming_orders AS n WHERE n.outcome IN ('new', 'replaced'))
    GROUP BY l.order_id
) AS s ON o.order_id = s.order_id
WHERE (o.line_count, o.revenue) IS DISTINCT FROM (s.line_count, s.revenue);
