-- Statements of the room `warehouse`.

-- name: change_position
-- The consumer's watermark and the newest change. Changes are written under a lock (change_record), so ids commit in order.
SELECT
    coalesce((
        SELECT w.position FROM ops.watermarks AS w
        WHERE w.consumer = %(consumer)s
    ), 0) AS watermark,
    coalesce(
        (
            SELECT max(p.change_id) FROM ops.pending_changes AS p
            WHERE %(entities)s::text[] IS NULL OR p.entity = any(%(entities)s::text[])
        ), 0
    ) AS newest;

-- name: change_advance
INSERT INTO ops.watermarks AS w (consumer, position, moved_at)
VALUES (%(consumer)s, %(position)s, %(now)s)
ON CONFLICT (consumer) DO UPDATE
    SET
        position = excluded.position,
        moved_at = excluded.moved_at
    WHERE w.position < excluded.position;

-- name: change_record
INSERT INTO ops.pending_changes (entity, key, changed_at)
SELECT
    %(entity)s,
    k.key,
    %(now)s
FROM unnest(%(keys)s::text[]) AS k (key);

-- name: lock_changes
-- One writer of changes at a time: else a smaller id could commit after a reader has passed it.
SELECT pg_advisory_xact_lock(hashtext('ops.pending_changes'));

-- name: freshness_write
INSERT INTO ops.table_freshness AS f (table_name, data_as_of, refreshed_at, row_count)
VALUES (%(table)s, %(as_of)s, %(now)s, %(rows)s)
ON CONFLICT (table_name) DO UPDATE
    SET
        data_as_of = excluded.data_as_of,
        refreshed_at = excluded.refreshed_at,
        row_count = excluded.row_count;

-- name: freshness_read
SELECT
    f.table_name,
    f.data_as_of
FROM ops.table_freshness AS f
WHERE f.table_name = any(%(tables)s::text[]);
