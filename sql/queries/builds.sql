-- Statements that build core and marts from their transforms.

-- name: lock
-- One build at a time; a second one waits and then finds nothing to do. Until the transaction's end.
SELECT pg_advisory_xact_lock(hashtext('marketflow.' || %(job)s));

-- name: memory
-- Sorting a year's order lines at once instead of in pieces on disk; until the transaction's end.
SELECT set_config('work_mem', %(work_mem)s, TRUE);

-- name: sample
-- How closely ANALYZE looks: 30,000 rows are read at 100, the server's own; until the transaction's end.
SELECT set_config('default_statistics_target', %(target)s::text, TRUE);

-- name: usual_sample
-- As the server, the database or the role has it.
SELECT set_config('default_statistics_target', reset_val, TRUE) FROM pg_settings
WHERE name = 'default_statistics_target';

-- name: passed_loads
SELECT
    l.load_id,
    l.kind
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
SELECT DISTINCT date_trunc('month', n.occurred_on)::date AS month_on
FROM incoming_events AS n
ORDER BY month_on;

-- name: coming
-- By table, about how many rows its bulk step will insert: of a first load more than there are.
WITH new_orders AS (
    SELECT count(*) AS number_of_rows
    FROM incoming_orders AS n
    WHERE n.outcome = 'new'
),

new_customers AS (
    SELECT count(*) AS number_of_rows
    FROM named_customers AS n
    WHERE
        NOT EXISTS (
            SELECT FROM core.customer_identifiers AS i
            WHERE i.source = n.source AND i.external_id = n.external_id
        )
)

SELECT
    'core.orders' AS table_name,
    o.number_of_rows
FROM new_orders AS o
UNION ALL
SELECT
    'core.baskets' AS table_name,
    o.number_of_rows
FROM new_orders AS o
UNION ALL
SELECT
    'core.customer_identifiers' AS table_name,
    c.number_of_rows
FROM new_customers AS c
UNION ALL
SELECT
    'core.current_addresses' AS table_name,
    c.number_of_rows
FROM new_customers AS c
UNION ALL
SELECT
    'core.customer_keys' AS table_name,
    count(*) AS number_of_rows
FROM incoming_keys;

-- name: held_loads
-- Merged loads that raw still has rows of, all of them: a load that is being forgotten is not whole any more.
SELECT l.load_id
FROM ops.loads AS l
WHERE
    l.state = 'merged'
    AND l.raw_forgotten_at IS NULL
    AND l.load_id IN (
        SELECT r.load_id FROM raw.orders AS r
        UNION
        SELECT r.load_id FROM raw.customers AS r
        UNION
        SELECT r.load_id FROM raw.contacts AS r
        UNION
        SELECT r.load_id FROM raw.consents AS r
        UNION
        SELECT r.load_id FROM raw.products AS r
        UNION
        SELECT r.load_id FROM raw.events AS r
        UNION
        SELECT r.load_id FROM raw.interactions AS r
        UNION
        SELECT r.load_id FROM raw.feedback AS r
        UNION
        SELECT r.load_id FROM raw.campaigns AS r
        UNION
        SELECT r.load_id FROM raw.coupons AS r
        UNION
        SELECT r.load_id FROM raw.exchange_rates AS r
    )
ORDER BY l.load_id;

-- name: line_loads
-- The loads whose lines are needed: rows that come repaired from quarantine have the file and the number that they had, and
-- the rest of their order lies in the load of that file and in earlier loads of repaired rows; not in one that is being
-- forgotten, which is not whole any more.
WITH repaired AS MATERIALIZED (
    SELECT DISTINCT r.file_id
    FROM raw.orders AS r
    WHERE r.load_id = any(%(load_ids)s::bigint[])
)

SELECT l.load_id
FROM ops.loads AS l
WHERE
    l.raw_forgotten_at IS NULL
    AND (l.state = 'merged' OR l.load_id = any(%(load_ids)s::bigint[]))
    AND (
        l.kind = 'replay'
        OR l.load_id IN (
            SELECT f.load_id
            FROM ops.landing_files AS f
            INNER JOIN repaired AS d ON f.file_id = d.file_id
        )
    )
    AND EXISTS (
        SELECT FROM raw.orders AS o
        WHERE o.load_id = l.load_id AND o.file_id IN (SELECT d.file_id FROM repaired AS d)
    );

-- name: touched_after
-- Whom and what the new and replaced orders, and the other records, are about.
INSERT INTO touched (entity, key)
SELECT DISTINCT
    'customer' AS entity,
    i.customer_id::text
FROM (
    SELECT
        n.source,
        n.customer_ref AS external_id
    FROM incoming_orders AS n
    WHERE n.outcome IN ('new', 'replaced') AND n.customer_ref IS NOT NULL
    UNION
    SELECT
        n.source,
        coalesce(n.customer_ref, 'anonymous:' || n.anonymous_ref) AS external_id
    FROM incoming_events AS n
    WHERE n.is_news
    UNION
    SELECT
        l.system,
        r.customer_ref
    FROM raw.interactions AS r
    INNER JOIN merging_loads AS l ON r.load_id = l.load_id
    WHERE r.customer_ref IS NOT NULL
    UNION
    SELECT
        l.system,
        r.customer_ref
    FROM raw.feedback AS r
    INNER JOIN merging_loads AS l ON r.load_id = l.load_id
    WHERE r.customer_ref IS NOT NULL
) AS s
INNER JOIN core.customer_identifiers AS i ON s.source = i.source AND s.external_id = i.external_id
UNION
SELECT
    'customer' AS entity,
    n.known_customer_id::text
FROM incoming_events AS n
WHERE n.known_customer_id IS NOT NULL AND n.is_news
UNION
SELECT
    'customer' AS entity,
    c.customer_id::text
FROM core.customers AS c
WHERE
    c.updated_at = %(now)s AND c.customer_id IN (
        SELECT i.customer_id FROM core.customer_identifiers AS i
        INNER JOIN named_customers AS n ON i.source = n.source AND i.external_id = n.external_id
    )
UNION
-- whoever has answered
SELECT
    'customer' AS entity,
    p.customer_id::text
FROM core.contact_points AS p
WHERE
    p.customer_id IS NOT NULL
    AND p.contact_point_id IN (
        SELECT e.contact_point_id FROM privacy.consent_events AS e
        WHERE
            e.recorded_at = %(now)s
            AND e.contact_point_id IN (SELECT t.contact_point_id FROM touched_points AS t)
    )
UNION
SELECT
    'day' AS entity,
    d.ordered_on::text
FROM (
    SELECT DISTINCT n.ordered_on FROM incoming_orders AS n
    WHERE n.outcome IN ('new', 'replaced')
) AS d
UNION
SELECT
    'product' AS entity,
    p.product_id::text
FROM core.products AS p
INNER JOIN incoming_products AS n ON p.source = n.source AND p.external_id = n.external_id
WHERE p.updated_at = %(now)s;

-- name: has_ignored_orders
-- Were some of the orders that came left as they are, or some of their versions?
SELECT
    EXISTS (
        SELECT FROM incoming_orders AS n
        WHERE n.outcome NOT IN ('new', 'replaced')
    )
    OR EXISTS (
        SELECT FROM order_versions AS v
        WHERE v.has_several_customers OR v.has_several_currencies
    )
    OR EXISTS (
        SELECT FROM order_versions AS v
        GROUP BY v.source, v.order_ref
        HAVING count(*) > 1
    );

-- name: touched_products
-- When all orders that came were merged, what they sold is known already.
INSERT INTO touched (entity, key)
SELECT DISTINCT
    'product' AS entity,
    p.product_id::text
FROM incoming_products_sold AS n
INNER JOIN merging_loads AS l ON n.load_id = l.load_id
INNER JOIN core.products AS p ON l.system = p.source AND n.product_ref = p.external_id;

-- name: touched_products_by_line
INSERT INTO touched (entity, key)
SELECT DISTINCT
    'product' AS entity,
    l.product_id::text
FROM core.order_lines AS l
WHERE l.order_id IN (
    SELECT n.order_id FROM incoming_orders AS n
    WHERE n.outcome IN ('new', 'replaced')
);

-- name: touched_record
INSERT INTO ops.pending_changes (entity, key, changed_at)
SELECT DISTINCT
    t.entity,
    t.key,
    %(now)s::timestamptz
FROM touched AS t
ORDER BY t.entity, t.key;

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
