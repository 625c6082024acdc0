-- step: forget_days
DROP TABLE IF EXISTS pg_temp.migration_days;

-- step: note_days
-- The days that are compared: the ends of the months that the history knows, and the day of the newest scores. What is
-- over does not change, and is written once; only the days from the end of the last such period on are looked at. (When
-- days are done again, the newest scores are of an earlier day, and periods that end later are not over any longer.)
CREATE TEMPORARY TABLE migration_days ON COMMIT DROP AS
WITH span AS (
    SELECT
        r.as_of AS last_on,
        (SELECT min(h.entered_on) FROM models.segment_memberships AS h) AS first_on
    FROM models.runs AS r
    WHERE r.run_id = %(rfm_run)s::bigint
),

days AS (
    SELECT (m.first_of_next - interval '1 day')::date AS day
    FROM span AS s
    CROSS JOIN
        generate_series(
            date_trunc('month', s.first_on::timestamp) + interval '1 month', s.last_on::timestamp, interval '1 month'
        ) AS m (first_of_next)
    UNION
    SELECT s.last_on AS day
    FROM span AS s
    WHERE s.last_on >= s.first_on
),

settled AS (
    SELECT max(m.period_to) AS until
    FROM marts.segment_migrations AS m
    INNER JOIN days AS d ON m.period_to = d.day
    WHERE m.period_to < (SELECT max(l.day) FROM days AS l)
)

SELECT
    s.until AS settled_until,
    coalesce(array_agg(d.day ORDER BY d.day) FILTER (WHERE d.day IS NOT NULL), '{}') AS days
FROM settled AS s
LEFT JOIN days AS d ON d.day >= coalesce(s.until, d.day)
GROUP BY s.until;

-- step: replace
DELETE FROM marts.segment_migrations AS m
WHERE m.period_to > coalesce((SELECT d.settled_until FROM pg_temp.migration_days AS d), '-infinity');

-- step: count
-- A stay is seen on the days number `since` to `until` - 1. Who is seen on two days in a row in the same stay has stayed:
-- these are counted by the few pairs of numbers that there are. All others have left a stay, come into one, or both. So the
-- history is read once, however many periods are counted.
INSERT INTO marts.segment_migrations (period_from, period_to, segment_from, segment_to, customers)
WITH stays AS MATERIALIZED (
    SELECT
        h.customer_id,
        h.segment,
        1 + width_bucket(h.entered_on - 1, d.days) AS since,
        CASE WHEN h.left_on IS NULL THEN 1 + cardinality(d.days) ELSE 1 + width_bucket(h.left_on - 1, d.days) END AS until
    FROM models.segment_memberships AS h
    CROSS JOIN pg_temp.migration_days AS d
    WHERE cardinality(d.days) > 1 AND (h.left_on IS NULL OR h.left_on > d.days[1])
),

stayed AS (
    SELECT
        n.number AS until,
        g.segment AS segment_from,
        g.segment AS segment_to,
        sum(g.customers) AS customers
    FROM (
        SELECT
            s.segment,
            s.since,
            s.until,
            count(*) AS customers
        FROM stays AS s
        WHERE s.until > s.since + 1
        GROUP BY s.segment, s.since, s.until
    ) AS g
    CROSS JOIN LATERAL generate_series(g.since + 1, g.until - 1) AS n (number)
    GROUP BY n.number, g.segment
),

moved AS (
    SELECT
        coalesce(a.until, b.since) AS until,
        coalesce(a.segment, 'none') AS segment_from,
        coalesce(b.segment, 'none') AS segment_to,
        count(*) AS customers
    FROM (
        SELECT
            s.customer_id,
            s.segment,
            s.until
        FROM stays AS s
        CROSS JOIN pg_temp.migration_days AS d
        WHERE s.until > s.since AND s.until <= cardinality(d.days)
    ) AS a
    FULL JOIN (
        SELECT
            s.customer_id,
            s.segment,
            s.since
        FROM stays AS s
        WHERE s.until > s.since AND s.since > 1
    ) AS b ON a.customer_id = b.customer_id AND a.until = b.since
    GROUP BY coalesce(a.until, b.since), coalesce(a.segment, 'none'), coalesce(b.segment, 'none')
)

SELECT
    d.days[c.until - 1] AS period_from,
    d.days[c.until] AS period_to,
    c.segment_from,
    c.segment_to,
    sum(c.customers)::bigint AS customers
FROM (
    SELECT
        s.until,
        s.segment_from,
        s.segment_to,
        s.customers
    FROM stayed AS s
    UNION ALL
    SELECT
        m.until,
        m.segment_from,
        m.segment_to,
        m.customers
    FROM moved AS m
) AS c
CROSS JOIN pg_temp.migration_days AS d
GROUP BY d.days[c.until - 1], d.days[c.until], c.segment_from, c.segment_to;
