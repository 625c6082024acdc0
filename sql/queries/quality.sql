-- Statements of the room `quality`.

-- name: load
SELECT
    l.load_id,
    l.record,
    l.state,
    l.reason,
    l.records_read AS read,
    l.records_loaded AS loaded,
    l.records_quarantined AS quarantined
FROM ops.loads AS l
WHERE l.load_id = %(load_id)s;

-- name: waiting_loads
SELECT l.load_id
FROM ops.loads AS l
WHERE l.record = %(record)s AND l.state = 'loaded'
ORDER BY l.load_id;

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

-- name: add_result
INSERT INTO ops.quality_results (
    load_id, suite, expectation, column_name, severity, success, observed, checked_at
)
VALUES (
    %(load_id)s, %(suite)s, %(expectation)s, %(column_name)s, %(severity)s, %(success)s, %(observed)s, %(now)s
);

-- name: write_verdict
-- A load that core merged meanwhile stays merged. What was said of refused files stays in ops.landing_files.
UPDATE ops.loads
SET
    state = %(state)s,
    reason = %(reason)s
WHERE load_id = %(load_id)s AND state IN ('loaded', 'passed', 'refused');
