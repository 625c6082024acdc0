-- Statements about rows in quarantine and their replay, of the room `sources`.

-- name: count_waiting
SELECT
    count(*) FILTER (WHERE q.payload_kind = 'fields' AND l.state IN ('passed', 'merged')) AS readable,
    count(*) FILTER (WHERE q.payload_kind = 'bytes') AS unreadable,
    count(*) FILTER (WHERE q.payload_kind = 'fields' AND l.state NOT IN ('passed', 'merged')) AS held
FROM ops.quarantine AS q
INNER JOIN ops.landing_files AS f ON q.file_id = f.file_id
INNER JOIN ops.loads AS l ON q.load_id = l.load_id
WHERE
    f.source = %(source)s
    AND q.replayed_load_id IS NULL
    AND (%(reason)s::text IS NULL OR strpos(lower(q.reason), lower(%(reason)s::text)) > 0)
    AND (%(load_id)s::bigint IS NULL OR q.load_id = %(load_id)s::bigint)
    AND (%(numbers)s::bigint[] IS NULL OR q.record_no = any(%(numbers)s::bigint[]))
    AND (%(day_from)s::date IS NULL OR (q.quarantined_at AT TIME ZONE %(time_zone)s)::date >= %(day_from)s::date)
    AND (%(day_to)s::date IS NULL OR (q.quarantined_at AT TIME ZONE %(time_zone)s)::date <= %(day_to)s::date);

-- name: waiting_files
SELECT
    f.file_id,
    f.path,
    coalesce(f.version_at, f.taken_at) AS version_at
FROM ops.landing_files AS f
INNER JOIN ops.loads AS l ON f.load_id = l.load_id
WHERE
    f.source = %(source)s
    AND l.state IN ('passed', 'merged')
    AND (%(load_id)s::bigint IS NULL OR l.load_id = %(load_id)s::bigint)
    AND EXISTS (
        SELECT 1 FROM ops.quarantine AS q
        WHERE q.file_id = f.file_id AND q.replayed_load_id IS NULL AND q.payload_kind = 'fields'
    )
ORDER BY version_at, f.file_id;

-- name: waiting_rows
-- The next rows of a file, as many as a block holds, and one at least.
SELECT
    s.quarantine_id,
    s.record_no,
    s.payload
FROM (
    SELECT
        q.quarantine_id,
        q.record_no,
        q.payload,
        row_number() OVER w AS place,
        sum(q.payload_bytes) OVER w AS bytes
    FROM ops.quarantine AS q
    WHERE
        q.file_id = %(file_id)s
        AND q.record_no > %(after)s
        AND q.replayed_load_id IS NULL
        AND q.payload_kind = 'fields'
        AND (%(reason)s::text IS NULL OR strpos(lower(q.reason), lower(%(reason)s::text)) > 0)
        AND (%(numbers)s::bigint[] IS NULL OR q.record_no = any(%(numbers)s::bigint[]))
        AND (%(day_from)s::date IS NULL OR (q.quarantined_at AT TIME ZONE %(time_zone)s)::date >= %(day_from)s::date)
        AND (%(day_to)s::date IS NULL OR (q.quarantined_at AT TIME ZONE %(time_zone)s)::date <= %(day_to)s::date)
    WINDOW w AS (ORDER BY q.record_no)
) AS s
WHERE s.place = 1 OR (s.place <= %(rows)s AND s.bytes <= %(bytes)s)
ORDER BY s.record_no;

-- name: mark_replayed
UPDATE ops.quarantine
SET
    replayed_load_id = %(load_id)s,
    replayed_at = %(now)s
WHERE quarantine_id = any(%(rows)s::bigint[]) AND replayed_load_id IS NULL;

-- name: note_reason
-- A row that is still bad waits on, with what is wrong with it now.
UPDATE ops.quarantine AS q
SET
    reason = n.reason,
    column_name = n.column_name
FROM unnest(%(rows)s::bigint[], %(reasons)s::text[], %(columns)s::text[]) AS n (quarantine_id, reason, column_name)
WHERE q.quarantine_id = n.quarantine_id AND q.replayed_load_id IS NULL;

-- name: note_reading
INSERT INTO privacy.audit_log (happened_at, actor, action, object, records)
VALUES (%(now)s, %(actor)s, %(action)s, %(object)s, %(records)s);
