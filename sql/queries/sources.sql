-- Statements of the room `sources`. Those that depend on a contract's columns are composed in sources/statements.py.

-- name: known_checksums
SELECT
    f.path,
    f.checksum
FROM ops.landing_files AS f
WHERE f.source = %(source)s
ORDER BY f.state = 'loaded', f.file_id;

-- name: unfinished_loads
-- Loads that a run began; a living run holds the advisory lock of its load.
SELECT l.load_id
FROM ops.loads AS l
WHERE l.source = %(source)s AND l.kind = %(kind)s AND l.state = 'loading'
ORDER BY l.load_id;

-- name: lock_load
SELECT pg_try_advisory_lock(%(space)s, %(load_id)s::integer);

-- name: is_loading
SELECT TRUE
FROM ops.loads AS l
WHERE l.load_id = %(load_id)s AND l.state = 'loading';

-- name: unlock_load
SELECT pg_advisory_unlock(%(space)s, %(load_id)s::integer);

-- name: lock_source
SELECT pg_advisory_lock(%(space)s, hashtext(%(source)s));

-- name: unlock_source
SELECT pg_advisory_unlock(%(space)s, hashtext(%(source)s));

-- name: last_window
SELECT max(f.window_until)
FROM ops.landing_files AS f
WHERE f.source = %(source)s AND f.state = 'loaded';

-- name: start_load
INSERT INTO ops.loads (source, system, record, kind, started_at)
VALUES (%(source)s, %(system)s, %(record)s, %(kind)s, %(now)s)
RETURNING load_id;

-- name: flush_later
-- Safe: a file's rows and its entry are lost together or not at all, and closing the load flushes what came before.
SELECT set_config('synchronous_commit', 'off', TRUE);

-- name: add_file
-- A file that another run is taking in just now makes this wait for that run's transaction.
INSERT INTO ops.landing_files (
    load_id, source, path, checksum, bytes, object_version, state, reason, header, version_at, window_from,
    window_until, taken_at
)
VALUES (
    %(load_id)s, %(source)s, %(path)s, %(checksum)s, %(bytes)s, %(object_version)s, %(state)s, %(reason)s, %(header)s,
    %(version_at)s, %(window_from)s, %(window_until)s, %(now)s
)
ON CONFLICT (source, checksum) DO NOTHING
RETURNING file_id;

-- name: count_file
UPDATE ops.landing_files
SET
    records_read = %(read)s,
    records_loaded = %(read)s - %(quarantined)s,
    records_quarantined = %(quarantined)s,
    reason = %(reason)s
WHERE file_id = %(file_id)s;

-- name: count_record
INSERT INTO ops.load_records AS r (load_id, record, records_loaded)
VALUES (%(load_id)s, %(record)s, %(rows)s)
ON CONFLICT (load_id, record) DO UPDATE SET records_loaded = r.records_loaded + excluded.records_loaded;

-- name: records_of_load
SELECT
    r.record,
    r.records_loaded
FROM ops.load_records AS r
WHERE r.load_id = %(load_id)s;

-- name: finish_load
-- The totals are those of its files, also of files that an earlier, killed run had taken in for it.
WITH totals AS (
    SELECT
        count(*) FILTER (WHERE f.state = 'loaded') AS loaded_files,
        count(*) FILTER (WHERE f.state = 'refused') AS refused_files,
        count(*) FILTER (WHERE f.state = 'repeated') AS repeated_files,
        coalesce(sum(f.records_read), 0) AS records_read,
        coalesce(sum(f.records_loaded), 0) AS records_loaded,
        coalesce(sum(f.records_quarantined), 0) AS records_quarantined,
        min(CASE WHEN f.state = 'refused' THEN f.path || ': ' || f.reason END) AS first_refusal
    FROM ops.landing_files AS f
    WHERE f.load_id = %(load_id)s
)

UPDATE ops.loads AS l
SET
    finished_at = %(now)s,
    files = t.loaded_files,
    records_read = t.records_read,
    records_loaded = t.records_loaded,
    records_quarantined = t.records_quarantined,
    state = CASE WHEN t.loaded_files > 0 THEN 'loaded' ELSE 'refused' END,
    reason = CASE
        WHEN t.refused_files > 0
            THEN format(
                '%%s of %%s files refused, the first: %%s',
                t.refused_files,
                t.refused_files + t.loaded_files,
                t.first_refusal
            )
        WHEN t.loaded_files = 0 THEN format('nothing new: %%s files have the content of earlier ones', t.repeated_files)
    END
FROM totals AS t
WHERE
    l.load_id = %(load_id)s
    AND l.state = 'loading'
    AND t.loaded_files + t.refused_files + t.repeated_files > 0
RETURNING l.files, t.refused_files, t.repeated_files, l.records_read, l.records_loaded, l.records_quarantined;

-- name: drop_empty_load
DELETE FROM ops.loads AS l
WHERE
    l.load_id = %(load_id)s
    AND l.state = 'loading'
    AND NOT EXISTS (
        SELECT 1
        FROM ops.landing_files AS f
        WHERE f.load_id = l.load_id
    );

-- name: copy_to_quarantine
COPY ops.quarantine (
    load_id, file_id, record_no, record, reason, column_name, payload, payload_kind, payload_bytes, quarantined_at
) FROM STDIN;

-- name: mark_forgotten
-- Merged loads of long ago: core has what they said. Not those with orders that were held back, nor those to whose orders
-- held-back lines came later: of these raw has the only copy.
UPDATE ops.loads AS l
SET raw_forgotten_at = %(now)s
WHERE
    l.state = 'merged' AND l.kind <> 'replay' AND l.finished_at < %(before)s AND l.raw_forgotten_at IS NULL
    AND NOT EXISTS (
        SELECT FROM ops.findings AS f
        WHERE
            f.reason LIKE '%%, held back'
            AND (
                f.load_id = l.load_id
                OR f.load_id IN (
                    SELECT q.replayed_load_id FROM ops.quarantine AS q
                    WHERE q.load_id = l.load_id
                )
            )
    );

-- name: mark_forgotten_replays
-- Repaired lines are kept for as long as the rest of their orders: a rebuild puts them together.
UPDATE ops.loads AS l
SET raw_forgotten_at = %(now)s
WHERE
    l.state = 'merged' AND l.kind = 'replay' AND l.finished_at < %(before)s AND l.raw_forgotten_at IS NULL
    AND NOT EXISTS (
        SELECT FROM ops.findings AS f
        WHERE f.load_id = l.load_id AND f.reason LIKE '%%, held back'
    )
    AND NOT EXISTS (
        SELECT FROM ops.quarantine AS q
        INNER JOIN ops.loads AS o ON q.load_id = o.load_id
        WHERE q.replayed_load_id = l.load_id AND o.raw_forgotten_at IS NULL
    );

-- name: count_kept
SELECT count(*)
FROM ops.loads AS l
WHERE l.state = 'merged' AND l.finished_at < %(before)s AND l.raw_forgotten_at IS NULL;

-- name: loads_to_delete
-- Also those of a run that died.
SELECT
    l.load_id,
    array_agg(r.record ORDER BY r.record) AS records
FROM ops.loads AS l
INNER JOIN ops.load_records AS r ON l.load_id = r.load_id
WHERE l.raw_forgotten_at IS NOT NULL AND l.raw_deleted_at IS NULL
GROUP BY l.load_id
ORDER BY l.load_id;

-- name: note_deleted
UPDATE ops.loads
SET raw_deleted_at = %(now)s
WHERE load_id = %(load_id)s;
