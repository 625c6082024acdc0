-- check: orders_missing (stop)
SELECT
    abs(
        (
            SELECT count(*) FROM core.orders AS o
            WHERE o.ordered_on = any(%(days)s::date[]) AND o.customer_id IS NOT NULL AND o.kind = 'sale'
        )
        - (
            SELECT coalesce(sum(m.orders), 0) FROM marts.customer_days AS m
            WHERE m.ordered_on = any(%(days)s::date[])
        )
    );
