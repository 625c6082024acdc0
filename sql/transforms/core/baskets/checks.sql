-- check: lines_differ_from_order (stop)
-- Of the orders that were written now. What came in one row the gate has held against its totals; what was put together of
-- several is added up here.
SELECT
    (
        SELECT count(*)
        FROM incoming_orders AS n
        LEFT JOIN (
            SELECT
                b.order_id,
                CASE
                    WHEN
                        cardinality(b.product_refs) = cardinality(b.amounts)
                        AND cardinality(b.record_nos) = cardinality(b.amounts)
                        THEN cardinality(b.amounts)
                END AS line_count
            FROM core.baskets AS b
        ) AS l ON n.order_id = l.order_id
        WHERE n.outcome IN ('new', 'replaced') AND n.line_count IS DISTINCT FROM l.line_count
    )
    + (
        SELECT count(*)
        FROM incoming_orders AS n
        INNER JOIN core.orders AS o ON n.order_id = o.order_id
        WHERE
            n.outcome IN ('new', 'replaced')
            AND n.pieces > 1
            AND o.revenue IS DISTINCT FROM (
                SELECT sum(a.amount)
                FROM core.baskets AS b
                CROSS JOIN LATERAL unnest(b.amounts) AS a (amount)
                WHERE b.order_id = n.order_id
            )
    ) AS bad_orders;
