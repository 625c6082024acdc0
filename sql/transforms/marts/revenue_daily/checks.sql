-- check: day_missing (stop)
SELECT count(*)
FROM (
    SELECT DISTINCT o.ordered_on FROM core.orders AS o
) AS c
WHERE NOT EXISTS (SELECT FROM marts.revenue_daily AS d WHERE d.ordered_on = c.ordered_on);

-- check: negative_day (warn)
SELECT count(*)
FROM marts.revenue_daily AS d
WHERE d.revenue < 0;
