-- check: customer_missing (stop)
SELECT count(*)
FROM core.customers AS c
WHERE NOT EXISTS (SELECT FROM marts.customer_360 AS m WHERE m.customer_id = c.customer_id);

-- check: mixed_currencies (warn)
SELECT count(*)
FROM (
    SELECT o.customer_id
    FROM core.orders AS o
    WHERE o.customer_id IS NOT NULL
    GROUP BY o.customer_id
    HAVING count(DISTINCT o.currency) > 1
) AS mixed;
