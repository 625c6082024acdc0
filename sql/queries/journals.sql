-- Statements about the journals of the edge service.

-- name: lock
-- The session's, so that it holds over the transactions of all segments.
SELECT pg_try_advisory_lock(hashtext('marketflow.journal.' || %(journal)s));

-- name: unlock
SELECT pg_advisory_unlock(hashtext('marketflow.journal.' || %(journal)s));

-- name: limit_time
-- Of this transaction's statements.
SELECT set_config('statement_timeout', %(milliseconds)s::text, TRUE);
