-- Statements that keep the book of model runs.

-- name: start
INSERT INTO models.runs (model, as_of, data_from, data_to, started_at, parameters, is_test)
VALUES (%(model)s, %(as_of)s, %(data_from)s, %(data_to)s, %(now)s, %(parameters)s, %(is_test)s)
RETURNING run_id;

-- name: finish
UPDATE models.runs
SET
    state = 'done',
    finished_at = %(now)s,
    metrics = %(metrics)s,
    baseline = %(baseline)s,
    row_count = %(rows)s
WHERE run_id = %(run_id)s;

-- name: publish
INSERT INTO models.published (model, run_id, published_at)
VALUES (%(model)s, %(run_id)s, %(now)s)
ON CONFLICT (model) DO UPDATE
    SET
        run_id = excluded.run_id,
        published_at = excluded.published_at;
