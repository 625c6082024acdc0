-- step: remember
-- Also a deletion of an order that nobody has delivered yet: an older version may still come.
INSERT INTO core.deleted_orders AS d (source, external_id, version_at, file_id)
SELECT DISTINCT ON (l.system, v.order_ref)
    l.system,
    v.order_ref,
    v.own_version_at,
    v.file_id
FROM order_versions AS v
INNER JOIN merging_loads AS l ON v.load_id = l.load_id
WHERE v.is_deleted
ORDER BY l.system ASC, v.order_ref ASC, v.own_version_at DESC, v.file_id DESC
ON CONFLICT (source, external_id) DO UPDATE
    SET
        version_at = excluded.version_at,
        file_id = excluded.file_id
    WHERE (d.version_at, d.file_id) < (excluded.version_at, excluded.file_id);
