-- check: shares_are_not_one (stop)
SELECT count(*)
FROM (
    SELECT m.order_id
    FROM marts.attributed_orders AS m
    GROUP BY m.basis, m.order_id
    HAVING
        sum(m.share_first) <> 1 OR sum(m.share_last) <> 1 OR sum(m.share_linear) <> 1 OR sum(m.share_time_decay) <> 1
        OR sum(m.share_position) <> 1
) AS s;

-- check: money_is_not_the_orders (stop)
SELECT count(*)
FROM (
    SELECT m.order_id
    FROM marts.attributed_orders AS m
    INNER JOIN core.all_orders AS o ON m.order_id = o.order_id
    GROUP BY m.basis, m.order_id
    HAVING
        max(coalesce(o.base_revenue, 0)) <> all(
            ARRAY[
                sum(m.revenue_first), sum(m.revenue_last), sum(m.revenue_linear), sum(m.revenue_time_decay),
                sum(m.revenue_position)
            ]
        )
) AS s;

-- check: orders_without_a_rate (warn)
SELECT count(DISTINCT o.order_id)
FROM marts.attributed_orders AS m
INNER JOIN core.all_orders AS o ON m.order_id = o.order_id
WHERE o.base_revenue IS NULL;
