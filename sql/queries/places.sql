-- Statements of the room `sources` about what a place has given before.

-- name: seen_objects
-- Of each name the newest state that was taken in, or whose content was; a refused object is looked at again.
SELECT DISTINCT ON (f.path)
    f.path,
    f.object_version
FROM ops.landing_files AS f
WHERE f.source = %(source)s AND f.state IN ('loaded', 'repeated') AND f.object_version IS NOT NULL
ORDER BY f.path ASC, f.file_id DESC;
