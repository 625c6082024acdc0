-- check: customer_missing (stop)
SELECT count(*)
FROM core.customers AS c
WHERE
    c.merged_into IS NULL
    AND NOT EXISTS (
        SELECT FROM marts.customer_360 AS m
        WHERE m.customer_id = c.customer_id
    );

-- check: order_after_the_day (stop)
SELECT count(*)
FROM marts.customer_360 AS m
WHERE m.last_order_on > %(as_of)s::date;

-- check: paid_with_several_currencies (warn)
SELECT count(*)
FROM (
    SELECT o.customer_id
    FROM core.orders AS o
    WHERE o.customer_id IS NOT NULL AND o.ordered_on <= %(as_of)s::date
    GROUP BY o.customer_id
    HAVING min(o.currency) <> max(o.currency)
) AS s;

-- check: no_segments (warn)
SELECT (NOT EXISTS (
    SELECT FROM marts.customer_360 AS m
    WHERE m.segment IS NOT NULL
))::integer;
