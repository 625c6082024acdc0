-- Statements that keep the book of model runs.

-- name: start
INSERT INTO models.runs (model, as_of, data_from, data_to, started_at, parameters, is_test)
VALUES (%(model)s, %(as_of)s, %(data_from)s, %(data_to)s, %(now)s, %(parameters)s, %(is_test)s)
RETURNING run_id;

-- name: finish
UPDATE models.runs
SET
    state = 'done',
    finished_at = %(now)s,
    metrics = %(metrics)s,
    baseline = %(baseline)s,
    row_count = %(rows)s,
    verdict = %(verdict)s,
    reason = %(reason)s,
    seconds = %(seconds)s
WHERE run_id = %(run_id)s;

-- name: refuse
UPDATE models.runs
SET
    state = 'refused',
    finished_at = %(now)s,
    row_count = 0,
    verdict = 'not_measured',
    reason = %(reason)s,
    seconds = %(seconds)s
WHERE run_id = %(run_id)s;

-- name: publish
INSERT INTO models.published (model, run_id, published_at)
VALUES (%(model)s, %(run_id)s, %(now)s)
ON CONFLICT (model) DO UPDATE
    SET
        run_id = excluded.run_id,
        published_at = excluded.published_at;

-- name: published_runs
-- Segments describe the past and stay; what others foresee holds for a while.
SELECT
    p.model,
    p.run_id
FROM models.published AS p
INNER JOIN models.runs AS r ON p.run_id = r.run_id
WHERE p.model = 'rfm' OR r.as_of BETWEEN %(since)s::date AND %(day)s::date;

-- name: partitions_to_drop
-- Of runs that are not published: those that a later run of the same day has replaced, and those that are old.
SELECT
    c.relname AS part,
    r.run_id
FROM models.runs AS r
INNER JOIN pg_class AS c ON r.model || '_' || r.run_id = c.relname AND c.relnamespace = 'models'::regnamespace
WHERE
    c.relispartition
    AND r.state = 'done'
    AND NOT EXISTS (
        SELECT FROM models.published AS p
        WHERE p.run_id = r.run_id
    )
    AND (
        r.finished_at < %(before)s
        OR EXISTS (
            SELECT FROM models.runs AS n
            WHERE
                n.model = r.model AND n.as_of = r.as_of AND n.run_id > r.run_id
                AND n.state = 'done' AND NOT n.is_test AND NOT r.is_test
        )
    )
UNION ALL
-- The runs that an upgrade found in one table are one partition: it goes when none is read and all are old. They have no
-- details: these came with the upgrade or after it.
SELECT
    c.relname AS part,
    NULL::bigint AS run_id
FROM pg_inherits AS i
INNER JOIN pg_class AS t ON i.inhparent = t.oid AND t.relnamespace = 'models'::regnamespace
INNER JOIN pg_class AS c ON i.inhrelid = c.oid AND t.relname || '_before' = c.relname
CROSS JOIN
    LATERAL (
        SELECT substring(pg_get_expr(c.relpartbound, c.oid) FROM 'TO \(''?([0-9]+)')::bigint AS first_after
    ) AS u
WHERE
    NOT EXISTS (
        SELECT FROM models.published AS p
        WHERE p.model = t.relname AND p.run_id < u.first_after
    )
    AND NOT EXISTS (
        SELECT FROM models.runs AS r
        WHERE r.run_id < u.first_after AND coalesce(r.finished_at, r.started_at) >= %(before)s
    )
ORDER BY run_id;

-- name: patience
-- To drop a partition its table must be free for a moment; who waits for that makes all others wait.
SET LOCAL lock_timeout = '2s';

-- name: longest_pause
-- The most days between two days with orders within the year.
SELECT max(d.days) AS days
FROM (
    SELECT n.ordered_on - lag(n.ordered_on) OVER (ORDER BY n.ordered_on) AS days
    FROM (
        SELECT DISTINCT o.ordered_on
        FROM core.orders AS o
        WHERE o.ordered_on <= %(until)s::date AND o.ordered_on > %(until)s::date - 365
    ) AS n
) AS d;

-- name: forget_details
-- What belongs to a run beside its partition. The profiles of clusters stay: their numbers are never given again.
WITH points AS (
    DELETE FROM models.cluster_points AS p
    WHERE p.run_id = %(run_id)s
),

features AS (
    DELETE FROM models.cluster_features AS f
    WHERE f.run_id = %(run_id)s
),

choices AS (
    DELETE FROM models.cluster_choices AS c
    WHERE c.run_id = %(run_id)s
),

patterns AS (
    DELETE FROM models.send_time_patterns AS t
    WHERE t.run_id = %(run_id)s
),

items AS (
    DELETE FROM models.rule_items AS i
    WHERE i.run_id = %(run_id)s
)

DELETE FROM models.forecast_scores AS s
WHERE s.run_id = %(run_id)s;
