-- step: merge
-- The newest version wins, whatever the order of delivery. Of a deleted one the words go, and of a deleted customer, also
-- when the version does not name her and an earlier one did.
INSERT INTO core.interactions AS t (
    source, external_id, customer_id, kind, direction, subject, body, agent_ref, status, outcome, occurred_at,
    occurred_on, version_at, file_id, is_deleted
)
SELECT
    n.system,
    n.interaction_ref,
    coalesce(i.customer_id, u.customer_id) AS customer_id,
    n.kind,
    n.direction,
    CASE WHEN NOT n.is_deleted AND coalesce(n.version_at > d.deleted_at, TRUE) AND u.customer_id IS NULL THEN n.subject END AS subject,
    CASE WHEN NOT n.is_deleted AND coalesce(n.version_at > d.deleted_at, TRUE) AND u.customer_id IS NULL THEN n.body END AS body,
    n.agent_ref,
    n.status,
    n.outcome,
    n.occurred_at,
    (n.occurred_at AT TIME ZONE %(time_zone)s)::date AS occurred_on,
    n.version_at,
    n.file_id,
    n.is_deleted
FROM (
    SELECT DISTINCT ON (l.system, r.interaction_ref)
        l.system,
        r.*
    FROM raw.interactions AS r
    INNER JOIN merging_loads AS l ON r.load_id = l.load_id
    ORDER BY l.system ASC, r.interaction_ref ASC, r.version_at DESC, r.file_id DESC, r.record_no DESC
) AS n
LEFT JOIN core.customer_identifiers AS i ON n.system = i.source AND n.customer_ref = i.external_id
LEFT JOIN deleted_customers AS d ON n.system = d.source AND n.customer_ref = d.external_id
LEFT JOIN core.interactions AS k ON n.system = k.source AND n.interaction_ref = k.external_id AND n.customer_ref IS NULL
LEFT JOIN
    LATERAL (
        SELECT DISTINCT o.customer_id
        FROM core.customer_identifiers AS o
        INNER JOIN core.customer_versions AS v ON o.source = v.source AND o.external_id = v.external_id
        WHERE o.customer_id = k.customer_id AND o.source = n.system AND v.is_deleted AND v.confirmed_at >= n.version_at
    ) AS u
    ON TRUE
WHERE
    (%(day_from)s::date IS NULL OR (n.occurred_at AT TIME ZONE %(time_zone)s)::date >= %(day_from)s::date)
    AND (%(day_to)s::date IS NULL OR (n.occurred_at AT TIME ZONE %(time_zone)s)::date <= %(day_to)s::date)
ORDER BY n.occurred_at, n.system, n.interaction_ref
ON CONFLICT (source, external_id) DO UPDATE
    SET
        customer_id = excluded.customer_id,
        kind = excluded.kind,
        direction = excluded.direction,
        subject = excluded.subject,
        body = excluded.body,
        agent_ref = excluded.agent_ref,
        status = excluded.status,
        outcome = excluded.outcome,
        occurred_at = excluded.occurred_at,
        occurred_on = excluded.occurred_on,
        version_at = excluded.version_at,
        file_id = excluded.file_id,
        is_deleted = excluded.is_deleted
    WHERE
    (t.version_at, t.file_id) <= (excluded.version_at, excluded.file_id)
    AND (
        t.customer_id, t.kind, t.direction, t.subject, t.body, t.agent_ref, t.status, t.outcome, t.occurred_at,
        t.occurred_on, t.version_at, t.file_id, t.is_deleted
    ) IS DISTINCT FROM (
        excluded.customer_id, excluded.kind, excluded.direction, excluded.subject, excluded.body, excluded.agent_ref,
        excluded.status, excluded.outcome, excluded.occurred_at, excluded.occurred_on, excluded.version_at,
        excluded.file_id, excluded.is_deleted
    );

-- step: of_deleted_customers
-- What was said before the deletion goes with the customer; a customer has one number in a system.
UPDATE core.interactions AS t
SET
    subject = NULL,
    body = NULL
FROM deleted_customers AS d
INNER JOIN core.customer_identifiers AS i ON d.source = i.source AND d.external_id = i.external_id
WHERE
    t.customer_id = i.customer_id AND t.source = d.source AND t.version_at <= d.deleted_at
    AND (t.subject IS NOT NULL OR t.body IS NOT NULL);
