-- Statements of the room `sources` about what a place has given before.

-- name: last_window
-- The next window of a database's rows begins where the newest one that was taken in ended.
SELECT max(f.window_until)
FROM ops.landing_files AS f
WHERE f.source = %(source)s AND f.state = 'loaded';

-- name: seen_objects
-- Of each name the newest state that was taken in; a refused object is looked at again.
SELECT DISTINCT ON (f.path)
    f.path,
    f.object_version
FROM ops.landing_files AS f
WHERE f.source = %(source)s AND f.state = 'loaded' AND f.object_version IS NOT NULL
ORDER BY f.path ASC, f.file_id DESC;
