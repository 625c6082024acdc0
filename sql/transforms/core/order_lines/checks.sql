-- check: lines_differ_from_order (stop)
-- Of the orders that these loads name and that are there: of new ones, whose numbers follow each other, all together.
SELECT
    (
        SELECT count(*)
        FROM (
            SELECT
                sum(n.line_count) AS line_count,
                sum(n.revenue) AS revenue
            FROM incoming_orders AS n
            WHERE n.outcome = 'new'
        ) AS n
        CROSS JOIN (
            SELECT
                count(*) AS line_count,
                sum(l.amount) AS revenue
            FROM core.order_lines AS l
            WHERE
                l.order_id BETWEEN
                (
                    SELECT min(n.order_id) FROM incoming_orders AS n
                    WHERE n.outcome = 'new'
                )
                AND (
                    SELECT max(n.order_id) FROM incoming_orders AS n
                    WHERE n.outcome = 'new'
                )
        ) AS l
        WHERE coalesce(n.line_count, 0) <> l.line_count OR n.revenue IS DISTINCT FROM l.revenue
    )
    + (
        SELECT count(*)
        FROM core.orders AS o
        INNER JOIN incoming_orders AS n ON o.order_id = n.order_id
        CROSS JOIN
            LATERAL (
                SELECT
                    count(*) AS line_count,
                    sum(l.amount) AS revenue
                FROM core.order_lines AS l
                WHERE l.order_id = o.order_id
            ) AS s
        WHERE
            n.outcome <> 'new'
            AND (o.line_count, o.revenue) IS DISTINCT FROM (s.line_count, s.revenue)
    );
