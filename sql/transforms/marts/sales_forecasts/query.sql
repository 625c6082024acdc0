-- step: merge
MERGE INTO marts.sales_forecasts AS m
USING (
    SELECT
        f.series_kind,
        f.series,
        f.sold_on,
        f.forecast,
        f.low,
        f.high,
        r.as_of
    FROM models.sales_forecasts AS f
    INNER JOIN models.runs AS r ON f.run_id = r.run_id
    WHERE f.run_id = %(sales_forecasts_run)s::bigint
) AS p ON m.series_kind = p.series_kind AND m.series = p.series AND m.sold_on = p.sold_on
WHEN MATCHED
AND (m.forecast, m.low, m.high, m.as_of) IS DISTINCT FROM (p.forecast, p.low, p.high, p.as_of)
THEN
    UPDATE
        SET
            forecast = p.forecast,
            low = p.low,
            high = p.high,
            as_of = p.as_of
WHEN NOT MATCHED
THEN
    INSERT (series_kind, series, sold_on, forecast, low, high, as_of)
    VALUES (p.series_kind, p.series, p.sold_on, p.forecast, p.low, p.high, p.as_of);

-- step: forget
-- Days that are over, and series that are not forecast any longer.
DELETE FROM marts.sales_forecasts AS m
WHERE
    NOT EXISTS (
        SELECT FROM models.sales_forecasts AS f
        WHERE
            f.run_id = %(sales_forecasts_run)s::bigint
            AND f.series_kind = m.series_kind AND f.series = m.series AND f.sold_on = m.sold_on
    );
