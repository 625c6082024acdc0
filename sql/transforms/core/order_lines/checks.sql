-- check: lines_differ_from_order (stop)
SELECT count(*)
FROM core.orders AS o
FULL JOIN (
    SELECT
        l.order_id,
        count(*) AS line_count,
        sum(l.amount) AS revenue
    FROM core.order_lines AS l
    GROUP BY l.order_id
) AS s ON o.order_id = s.order_id
WHERE (o.line_count, o.revenue) IS DISTINCT FROM (s.line_count, s.revenue);
