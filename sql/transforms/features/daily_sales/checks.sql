-- check: segments_do_not_add_up (stop)
-- Every order is in the total and in one segment.
SELECT count(*)
FROM (
    SELECT
        f.sold_on,
        sum(f.revenue) FILTER (WHERE f.series_kind = 'total') AS total,
        sum(f.revenue) FILTER (WHERE f.series_kind = 'segment') AS segments
    FROM features.daily_sales AS f
    GROUP BY f.sold_on
) AS s
WHERE s.total IS DISTINCT FROM s.segments;

-- check: categories_do_not_add_up (warn)
-- Lines may differ from their order by what rounding does, and by what a source keeps out of its lines.
SELECT count(*)
FROM (
    SELECT
        f.sold_on,
        sum(f.revenue) FILTER (WHERE f.series_kind = 'total') AS total,
        sum(f.revenue) FILTER (WHERE f.series_kind = 'category') AS categories
    FROM features.daily_sales AS f
    GROUP BY f.sold_on
) AS s
WHERE abs(s.total - coalesce(s.categories, 0)) > 1;
