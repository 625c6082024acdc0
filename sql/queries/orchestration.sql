-- Statements of the room `orchestration`.

-- name: waiting_loads
-- Loads that are not in core yet: to be judged, passed beside one that was refused, or, on request, refused ones again.
SELECT
    l.load_id,
    l.state
FROM ops.loads AS l
WHERE
    l.source = %(source)s
    AND (l.state IN ('loaded', 'passed') OR (%(again)s AND l.state = 'refused' AND l.records_loaded > 0))
ORDER BY l.load_id;

-- name: plan_state
SELECT
    p.state,
    coalesce((p.definition ->> 'approval')::boolean, FALSE) AS needs_approval
FROM activation.plans AS p
WHERE p.plan_id = %(plan_id)s;

-- name: ran_on
-- Whether the model has run for that day, with whatever success.
SELECT r.run_id
FROM models.runs AS r
WHERE r.model = %(model)s AND r.as_of = %(day)s::date AND NOT r.is_test AND r.state IN ('done', 'refused')
ORDER BY r.run_id DESC
LIMIT 1;

-- name: published_run
SELECT p.run_id
FROM models.published AS p
WHERE p.model = %(model)s;
