-- check: order_is_both_real_and_made_up (stop)
SELECT count(*)
FROM (
    SELECT o.order_id
    FROM core.all_orders AS o
    GROUP BY o.order_id
    HAVING count(*) > 1
) AS d;
