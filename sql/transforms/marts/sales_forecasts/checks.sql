-- check: outside_its_interval (warn)
SELECT count(*)
FROM marts.sales_forecasts AS m
WHERE m.forecast < m.low OR m.forecast > m.high;

-- check: no_forecast (warn)
SELECT (NOT EXISTS (
    SELECT FROM marts.sales_forecasts AS m
    WHERE m.series_kind = 'total'
))::integer;
