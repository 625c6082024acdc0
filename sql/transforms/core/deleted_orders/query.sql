-- step: remember
-- Also a deletion of an order that nobody has delivered yet: an older version may still come.
INSERT INTO core.deleted_orders AS d (source, external_id, version_at, file_id)
SELECT DISTINCT ON (v.source, v.order_ref)
    v.source,
    v.order_ref,
    v.version_at,
    v.file_id
FROM order_versions AS v
WHERE v.is_deleted
ORDER BY v.source ASC, v.order_ref ASC, v.version_at DESC, v.file_id DESC
ON CONFLICT (source, external_id) DO UPDATE
    SET
        version_at = excluded.version_at,
        file_id = excluded.file_id
    WHERE (d.version_at, d.file_id) < (excluded.version_at, excluded.file_id);
