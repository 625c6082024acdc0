-- Who was in which segment from which day to which: statements of the room `segments`.
-- A stay begins on the day `entered_on` and is over on the day `left_on`, on which the customer is already in another one.

-- name: published
SELECT
    r.run_id,
    r.as_of,
    r.data_to,
    r.parameters
FROM models.published AS p
INNER JOIN models.runs AS r ON p.run_id = r.run_id
WHERE p.model = 'rfm';

-- name: first_day
SELECT min(h.entered_on) AS first_on
FROM models.segment_memberships AS h;

-- name: segments
SELECT DISTINCT r.segment
FROM models.rfm_segment_rules AS r
ORDER BY r.segment;

-- name: month_ends
-- The last days of months before the day, from the month of the first sale, the newest ones.
SELECT (m.first_of_next - interval '1 day')::date AS day
FROM
    generate_series(
        (
            SELECT date_trunc('month', min(o.ordered_on)::timestamp) FROM core.orders AS o
            WHERE o.kind = 'sale' AND o.customer_id IS NOT NULL AND o.ordered_on <= %(as_of)s::date
        ) + interval '1 month',
        %(as_of)s::date::timestamp,
        interval '1 month'
    ) AS m (first_of_next)
ORDER BY day DESC
LIMIT %(months)s::integer;

-- name: pack_segments
-- The scored customers of a run, with the number of the segment in the list that is given.
SELECT
    string_agg(
        int8send(m.customer_id) || int8send(array_position(%(segments)s::text[], m.segment)::bigint), ''::bytea
    ) AS packed
FROM models.rfm AS m
WHERE m.run_id = %(run_id)s
GROUP BY mod(m.customer_id, 64);

-- name: forget_seen
DROP TABLE IF EXISTS pg_temp.segments_seen;

-- name: seen
-- Who is in which segment by the run.
CREATE TEMPORARY TABLE segments_seen ON COMMIT DROP AS
SELECT
    m.customer_id,
    m.segment
FROM models.rfm AS m
WHERE m.run_id = %(run_id)s;

-- name: count_seen
ANALYZE pg_temp.segments_seen;

-- name: undo_entered
-- Everything from the day on is forgotten: the day is looked at anew.
DELETE FROM models.segment_memberships AS h
WHERE h.entered_on >= %(day)s::date;

-- name: undo_left
UPDATE models.segment_memberships AS h
SET left_on = NULL
WHERE h.left_on >= %(day)s::date;

-- name: leave
-- Who is in another segment than before, or is not scored any longer.
UPDATE models.segment_memberships AS h
SET left_on = %(day)s::date
WHERE
    h.left_on IS NULL
    AND NOT EXISTS (
        SELECT FROM pg_temp.segments_seen AS s
        WHERE s.customer_id = h.customer_id AND s.segment = h.segment
    );

-- name: enter
-- Whose stay has just ended, who came back, or was never seen before.
INSERT INTO models.segment_memberships (customer_id, segment, entered_on)
SELECT
    s.customer_id,
    s.segment,
    %(day)s::date
FROM pg_temp.segments_seen AS s
WHERE NOT EXISTS (
    SELECT FROM models.segment_memberships AS h
    WHERE h.customer_id = s.customer_id AND h.left_on IS NULL
);

-- name: count_memberships
ANALYZE models.segment_memberships;

-- name: memory
SET LOCAL work_mem = '128MB';

-- name: forget_migrations
-- Of a history that there is no longer.
DELETE FROM marts.segment_migrations;

-- name: counted
SELECT f.row_count
FROM ops.table_freshness AS f
WHERE f.table_name = 'models.segment_memberships';
