-- Statements of the room `orchestration`.

-- name: unjudged
-- Loads that are complete and wait for the quality gate: the newest one, and those whose run died before it.
SELECT l.load_id
FROM ops.loads AS l
WHERE l.record = %(record)s AND l.state = 'loaded'
ORDER BY l.load_id;
