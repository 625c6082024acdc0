-- check: lines_differ_from_order (stop)
-- Of the orders that these loads name and that are there.
SELECT count(*)
FROM incoming_orders AS n
INNER JOIN core.orders AS o ON n.order_id = o.order_id
LEFT JOIN core.baskets AS b ON o.order_id = b.order_id
CROSS JOIN LATERAL (SELECT sum(a.amount) AS revenue FROM unnest(b.amounts) AS a (amount)) AS s
WHERE (o.line_count, o.revenue) IS DISTINCT FROM (cardinality(b.record_nos), s.revenue);
