-- Statements of the room `quality`.

-- name: load
SELECT
    l.load_id,
    l.source,
    l.kind,
    l.state,
    l.reason,
    l.records_read AS read,
    l.records_quarantined AS quarantined,
    coalesce(f.refused_files, 0) AS refused_files,
    f.first_refusal,
    coalesce(r.records, '{}') AS records
FROM ops.loads AS l
LEFT JOIN LATERAL (
    SELECT
        count(*) AS refused_files,
        (array_agg(x.path || ': ' || x.reason ORDER BY x.file_id))[1] AS first_refusal
    FROM ops.landing_files AS x
    WHERE x.load_id = l.load_id AND x.state = 'refused'
) AS f ON TRUE
LEFT JOIN LATERAL (
    SELECT jsonb_object_agg(x.record, x.records_loaded) AS records
    FROM ops.load_records AS x
    WHERE x.load_id = l.load_id
) AS r ON TRUE
WHERE l.load_id = %(load_id)s;

-- name: frequent_reasons
-- Reasons are words of this project, never of a file.
SELECT
    q.reason,
    count(*) AS records
FROM ops.quarantine AS q
WHERE q.load_id = %(load_id)s
GROUP BY q.reason
ORDER BY records DESC, q.reason ASC
LIMIT 3;

-- name: recent_volume
-- The seven loads before this one; a replay brings what was left over, and one without rows had nothing but bad files.
SELECT
    count(*) AS loads,
    avg(s.records_read) AS mean
FROM (
    SELECT l.records_read
    FROM ops.loads AS l
    WHERE
        l.source = %(source)s
        AND l.load_id < %(load_id)s
        AND l.kind <> 'replay'
        AND l.state <> 'loading'
        AND l.records_read > 0
    ORDER BY l.load_id DESC
    LIMIT 7
) AS s;

-- name: add_result
INSERT INTO ops.quality_results (
    load_id, suite, record, table_name, expectation, column_name, severity, success, observed, checked_at
)
VALUES (
    %(load_id)s, %(suite)s, %(record)s, %(table_name)s, %(expectation)s, %(column_name)s, %(severity)s, %(success)s,
    %(observed)s, %(now)s
);

-- name: write_verdict
-- A load that core merged meanwhile stays merged. What was said of refused files stays in ops.landing_files.
UPDATE ops.loads
SET
    state = %(state)s,
    reason = %(reason)s
WHERE load_id = %(load_id)s AND state IN ('loaded', 'passed', 'refused');

-- name: judged_loads
-- The newest loads with what failed when each was last judged. A failure is [suite, expectation, column, severity, observed].
SELECT
    l.load_id,
    l.source,
    l.kind,
    l.state,
    l.reason,
    l.files,
    l.records_read AS read,
    l.records_loaded AS loaded,
    l.records_quarantined AS quarantined,
    coalesce(l.finished_at, l.started_at) AS at,
    coalesce(q.results, 0) AS results,
    coalesce(q.failures, '[]') AS failures
FROM ops.loads AS l
LEFT JOIN LATERAL (
    SELECT
        count(*) AS results,
        jsonb_agg(
            jsonb_build_array(r.suite, r.expectation, r.column_name, r.severity, r.observed)
            ORDER BY r.severity ASC, r.quality_result_id ASC
        ) FILTER (WHERE NOT r.success) AS failures
    FROM ops.quality_results AS r
    WHERE
        r.load_id = l.load_id
        AND r.checked_at = (
            SELECT max(x.checked_at) FROM ops.quality_results AS x
            WHERE x.load_id = l.load_id
        )
) AS q ON TRUE
WHERE l.state <> 'loading'
ORDER BY l.load_id DESC
LIMIT %(loads)s;

-- name: judged_tables
-- Each table as it was last judged, newest first.
WITH newest AS (
    SELECT
        r.table_name,
        max(r.checked_at) AS checked_at
    FROM ops.quality_results AS r
    WHERE r.table_name IS NOT NULL
    GROUP BY r.table_name
)

SELECT
    n.table_name,
    n.checked_at AS at,
    count(*) AS results,
    max(f.row_count) AS table_rows,
    coalesce(
        jsonb_agg(
            jsonb_build_array(r.suite, r.expectation, r.column_name, r.severity, r.observed) ORDER BY r.quality_result_id
        ) FILTER (WHERE NOT r.success), '[]'
    ) AS failures
FROM newest AS n
INNER JOIN ops.quality_results AS r ON n.table_name = r.table_name AND n.checked_at = r.checked_at
LEFT JOIN ops.table_freshness AS f ON n.table_name = f.table_name
GROUP BY n.table_name, n.checked_at
ORDER BY n.checked_at DESC, n.table_name ASC;

-- name: is_unique
-- Is there a unique index on exactly these columns? A sorted list of their names is compared.
SELECT count(*) > 0 AS is_unique
FROM pg_index AS i
WHERE
    i.indrelid = %(table)s::text::regclass
    AND i.indisunique
    AND i.indisvalid
    AND i.indpred IS NULL
    AND (
        SELECT array_agg(a.attname::text ORDER BY a.attname::text)
        FROM pg_attribute AS a
        WHERE a.attrelid = i.indrelid AND a.attnum = any(i.indkey)
    ) = %(key)s::text[];

-- name: table_bytes
-- Of a partitioned table: of all its partitions.
SELECT
    pg_relation_size(%(table)s::text::regclass)
    + coalesce((
        SELECT sum(pg_relation_size(p.relid)) FROM pg_partition_tree(%(table)s::text::regclass) AS p
    ), 0) AS bytes;

-- name: table_ages
-- A business day ends at the shop's midnight; a table that was never built is stale.
SELECT
    t.table_name,
    f.data_as_of,
    f.refreshed_at,
    coalesce(
        coalesce(
            (f.data_as_of + 1)::timestamp AT TIME ZONE %(zone)s, f.refreshed_at
        ) + t.age_limit >= %(now)s::timestamptz, FALSE
    ) AS is_fresh
FROM unnest(%(tables)s::text[], %(limits)s::interval[]) AS t (table_name, age_limit)
LEFT JOIN ops.table_freshness AS f ON t.table_name = f.table_name
ORDER BY t.table_name;

-- name: newest_load
SELECT max(l.finished_at)
FROM ops.loads AS l
WHERE l.source = %(source)s AND l.kind <> 'replay' AND l.records_read > 0;

-- name: told_already
-- Was the last word on this source's freshness the same, and not long ago?
SELECT coalesce((
    SELECT r.success = %(success)s AND r.checked_at > %(since)s
    FROM ops.quality_results AS r
    WHERE r.suite = %(suite)s AND r.expectation = 'freshness' AND r.load_id IS NULL
    ORDER BY r.quality_result_id DESC
    LIMIT 1
), FALSE);
