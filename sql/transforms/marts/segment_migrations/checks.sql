-- check: two_segments_on_one_day (warn)
-- Stays that begin before the customer's last one is over, of those of the newest day: each day looks at its own.
SELECT count(*)
FROM models.segment_memberships AS h
CROSS JOIN
    LATERAL (
        SELECT b.left_on
        FROM models.segment_memberships AS b
        WHERE b.customer_id = h.customer_id AND b.entered_on < h.entered_on
        ORDER BY b.entered_on DESC
        LIMIT 1
    ) AS l
WHERE
    h.entered_on = (SELECT d.days[cardinality(d.days)] FROM pg_temp.migration_days AS d)
    AND (l.left_on IS NULL OR l.left_on > h.entered_on);

-- check: lost_between_periods (warn)
-- What one period ends with is not what the next one begins with.
SELECT count(*)
FROM (
    SELECT
        m.period_to AS day,
        m.segment_to AS segment,
        sum(m.customers) AS customers
    FROM marts.segment_migrations AS m
    WHERE m.segment_to <> 'none' AND m.period_to < (SELECT max(l.period_to) FROM marts.segment_migrations AS l)
    GROUP BY m.period_to, m.segment_to
) AS a
FULL JOIN (
    SELECT
        m.period_from AS day,
        m.segment_from AS segment,
        sum(m.customers) AS customers
    FROM marts.segment_migrations AS m
    WHERE m.segment_from <> 'none' AND m.period_from > (SELECT min(f.period_from) FROM marts.segment_migrations AS f)
    GROUP BY m.period_from, m.segment_from
) AS b ON a.day = b.day AND a.segment = b.segment
WHERE a.customers IS DISTINCT FROM b.customers;

-- check: differs_from_the_history (warn)
-- The segments on the newest day, by the migrations and by the history itself.
SELECT count(*)
FROM (
    SELECT
        m.segment_to AS segment,
        sum(m.customers) AS customers
    FROM marts.segment_migrations AS m
    WHERE m.segment_to <> 'none' AND m.period_to = (SELECT max(l.period_to) FROM marts.segment_migrations AS l)
    GROUP BY m.segment_to
) AS m
FULL JOIN (
    SELECT
        h.segment,
        count(*) AS customers
    FROM models.segment_memberships AS h
    WHERE
        h.entered_on <= (SELECT max(l.period_to) FROM marts.segment_migrations AS l)
        AND (h.left_on IS NULL OR h.left_on > (SELECT max(l.period_to) FROM marts.segment_migrations AS l))
    GROUP BY h.segment
) AS h ON m.segment = h.segment
WHERE m.customers IS DISTINCT FROM h.customers;

-- check: no_migrations (warn)
SELECT (NOT EXISTS (SELECT FROM marts.segment_migrations))::integer;
