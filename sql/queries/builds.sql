-- Statements that build core and marts from their transforms.

-- name: lock
-- One build at a time; a second one waits and then finds nothing to do. Until the transaction's end.
SELECT pg_advisory_xact_lock(hashtext('marketflow.' || %(job)s));

-- name: memory
-- Sorting a year's order lines at once instead of in pieces on disk; until the transaction's end.
SELECT set_config('work_mem', %(work_mem)s, TRUE);

-- name: passed_loads
SELECT l.load_id
FROM ops.loads AS l
WHERE l.state = 'passed'
ORDER BY l.load_id
FOR UPDATE;

-- name: mark_merged
UPDATE ops.loads
SET state = 'merged'
WHERE load_id = any(%(load_ids)s::bigint[]);

-- name: event_months
-- The first days of the months that these loads have events in.
SELECT DISTINCT date_trunc('month', r.occurred_at AT TIME ZONE %(time_zone)s)::date AS month_on
FROM raw.events AS r
WHERE r.load_id = any(%(load_ids)s::bigint[])
ORDER BY month_on;

-- name: touched_create
-- Kept aside until the end: the lock under which changes are written must be held for a moment only.
CREATE TEMPORARY TABLE touched (entity text NOT NULL, key text NOT NULL) ON COMMIT DROP;

-- name: touched_before
-- What the orders that are about to be replaced held: their customers, days and products lose something.
WITH old AS MATERIALIZED (
    SELECT
        o.order_id,
        o.customer_id,
        o.ordered_on
    FROM core.orders AS o
    WHERE
        o.source = %(source)s
        AND o.external_id IN (
            SELECT r.order_ref FROM raw.order_lines AS r
            WHERE r.load_id = any(%(load_ids)s::bigint[])
        )
)

INSERT INTO touched (entity, key)
SELECT
    'customer' AS entity,
    o.customer_id::text
FROM old AS o
WHERE o.customer_id IS NOT NULL
UNION
SELECT
    'day' AS entity,
    o.ordered_on::text
FROM old AS o
UNION
SELECT
    'product' AS entity,
    l.product_id::text
FROM core.order_lines AS l
WHERE l.order_id IN (SELECT o.order_id FROM old AS o);

-- name: touched_after
WITH files AS MATERIALIZED (
    SELECT DISTINCT r.file_id FROM raw.order_lines AS r
    WHERE r.load_id = any(%(load_ids)s::bigint[])
),

new AS MATERIALIZED (
    SELECT
        o.order_id,
        o.customer_id,
        o.ordered_on
    FROM core.orders AS o
    WHERE o.file_id IN (SELECT f.file_id FROM files AS f)
),

refs AS (
    SELECT r.customer_ref FROM raw.customers AS r
    WHERE r.load_id = any(%(load_ids)s::bigint[])
    UNION
    SELECT r.customer_ref FROM raw.events AS r
    WHERE r.load_id = any(%(load_ids)s::bigint[])
)

INSERT INTO touched (entity, key)
SELECT
    'customer' AS entity,
    n.customer_id::text
FROM new AS n
WHERE n.customer_id IS NOT NULL
UNION
SELECT
    'customer' AS entity,
    i.customer_id::text
FROM core.customer_identifiers AS i
INNER JOIN refs AS r ON i.external_id = r.customer_ref
WHERE i.source = %(source)s
UNION
SELECT
    'day' AS entity,
    n.ordered_on::text
FROM new AS n
UNION
SELECT
    'product' AS entity,
    l.product_id::text
FROM core.order_lines AS l
INNER JOIN new AS n ON l.order_id = n.order_id
UNION
SELECT
    'product' AS entity,
    p.product_id::text
FROM core.products AS p
INNER JOIN raw.products AS r ON p.external_id = r.product_ref
WHERE p.source = %(source)s AND r.load_id = any(%(load_ids)s::bigint[]);

-- name: touched_record
INSERT INTO ops.pending_changes (entity, key, changed_at)
SELECT DISTINCT
    t.entity,
    t.key,
    %(now)s::timestamptz
FROM touched AS t
ORDER BY t.entity, t.key;

-- name: touched_drop
DROP TABLE touched;

-- name: data_as_of
-- Up to which day the orders tell what happened; a day that is not over yet does not count.
SELECT max(o.ordered_on) AS data_as_of
FROM core.orders AS o
WHERE o.ordered_on <= %(business_date)s;

-- name: upstream_as_of
-- A table knows no more than the tables it is made of; null while one of these has never been written.
SELECT CASE WHEN bool_and(f.data_as_of IS NOT NULL) THEN min(f.data_as_of) END AS data_as_of
FROM unnest(%(tables)s::text[]) AS t (table_name)
LEFT JOIN ops.table_freshness AS f ON t.table_name = f.table_name;

-- name: touched_days
SELECT DISTINCT c.key::date AS day
FROM ops.pending_changes AS c
WHERE c.entity = 'day' AND c.change_id > %(position)s AND c.change_id <= %(newest)s
ORDER BY day;

-- name: all_days
-- Every day that has orders, or still has rows in a mart although its orders are gone.
SELECT o.ordered_on AS day FROM core.orders AS o
UNION
SELECT r.ordered_on FROM marts.revenue_daily AS r
ORDER BY day;
