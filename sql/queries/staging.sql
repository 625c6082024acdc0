-- What the loads bring, brought into shape once for all transforms of core and privacy: temporary tables, in this order,
-- then those of staging_customers.sql.
-- In a rebuild day_from and day_to limit what happened on a day; descriptions (customers, products, ...) come whole.
-- Simulated orders are left out everywhere here: they go to core.simulated_orders, and nothing is learnt of them.

-- name: merging_loads
CREATE TEMPORARY TABLE merging_loads AS
SELECT
    l.load_id,
    l.system,
    l.source AS feed,
    l.started_at
FROM ops.loads AS l
WHERE l.load_id = any(%(load_ids)s::bigint[]);

-- name: count_loads
-- A handful, where the planner takes a table that it knows nothing of for some hundreds of rows.
ANALYZE merging_loads;

-- name: several_rows
-- Orders of which these loads bring more than a row: hardly any, and all that it takes to make one of several rows is done
-- for these alone. The number says enough: two systems' orders of one number are kept apart later.
CREATE TEMPORARY TABLE several_rows AS
SELECT r.order_ref
FROM raw.orders AS r
WHERE r.load_id = any(%(line_loads)s::bigint[]) AND NOT r.is_simulated
GROUP BY r.order_ref
HAVING count(*) > 1;

-- name: count_several_rows
-- So that these few are looked up among the orders, and not the orders among them.
ANALYZE several_rows;

-- name: order_versions
-- Of those orders one row per file: an order stands whole in a file, if not in one piece. Where a source has no times of its
-- own its file's count. The versions of all other orders are their rows in raw.
CREATE TEMPORARY TABLE order_versions AS
WITH versions AS (
    SELECT
        r.file_id,
        r.order_ref,
        max(r.load_id) AS load_id,
        max(r.version_at) AS version_at,
        min(r.first_no) AS first_no,
        max(r.kind) AS kind,
        min(r.original_order_ref) AS original_order_ref,
        min(r.customer_ref) AS customer_ref,
        min(r.store_ref) AS store_ref,
        min(r.ordered_at) AS ordered_at,
        sum(r.line_count)::integer AS line_count,
        sum(r.amount) AS revenue,
        sum(r.discount) AS discount,
        min(r.currency) AS currency,
        count(*)::integer AS pieces,
        FALSE AS is_deleted,
        coalesce(min(r.customer_ref) <> max(r.customer_ref), FALSE) AS has_several_customers,
        min(r.currency) <> max(r.currency) AS has_several_currencies,
        min(r.version_at) <> max(r.version_at) AS has_several_times
    FROM raw.orders AS r
    WHERE
        r.load_id = any(%(line_loads)s::bigint[])
        AND NOT r.is_deleted
        AND NOT r.is_simulated
        AND r.order_ref IN (SELECT s.order_ref FROM several_rows AS s)
    GROUP BY r.file_id, r.order_ref
)

SELECT
    l.system AS source,
    v.file_id,
    v.order_ref,
    v.load_id,
    coalesce(v.version_at, f.version_at) AS version_at,
    v.first_no,
    v.kind,
    v.original_order_ref,
    v.customer_ref,
    v.store_ref,
    v.ordered_at,
    v.line_count,
    v.revenue,
    v.discount,
    v.currency,
    v.pieces,
    v.is_deleted,
    v.has_several_customers,
    v.has_several_currencies,
    v.has_several_times
FROM versions AS v
INNER JOIN merging_loads AS l ON v.load_id = l.load_id
LEFT JOIN ops.landing_files AS f ON v.file_id = f.file_id
WHERE
    (%(day_from)s::date IS NULL OR (v.ordered_at AT TIME ZONE %(time_zone)s)::date >= %(day_from)s::date)
    AND (%(day_to)s::date IS NULL OR (v.ordered_at AT TIME ZONE %(time_zone)s)::date <= %(day_to)s::date);

-- name: deleted_versions
-- Orders of which a file says that they are deleted, and nothing as new or newer beside it. They are not held to the days:
-- the deletion of an order that lies within them may have been delivered with any day.
INSERT INTO order_versions (
    source, file_id, order_ref, load_id, version_at, first_no, kind, ordered_at, line_count, revenue, discount, currency,
    pieces, is_deleted, has_several_customers, has_several_currencies, has_several_times
)
SELECT
    l.system AS source,
    r.file_id,
    r.order_ref,
    max(r.load_id) AS load_id,
    max(coalesce(r.version_at, f.version_at)) AS version_at,
    min(r.first_no) AS first_no,
    max(r.kind) AS kind,
    min(r.ordered_at) AS ordered_at,
    0 AS line_count,
    0 AS revenue,
    0 AS discount,
    min(r.currency) AS currency,
    0 AS pieces,
    TRUE AS is_deleted,
    FALSE AS has_several_customers,
    FALSE AS has_several_currencies,
    FALSE AS has_several_times
FROM raw.orders AS r
INNER JOIN merging_loads AS l ON r.load_id = l.load_id
LEFT JOIN ops.landing_files AS f ON r.file_id = f.file_id
WHERE
    r.is_deleted
    AND NOT r.is_simulated
    AND NOT EXISTS (
        SELECT FROM raw.orders AS a
        WHERE
            a.load_id = any(%(line_loads)s::bigint[]) AND a.file_id = r.file_id AND a.order_ref = r.order_ref
            AND coalesce(a.version_at, f.version_at) >= coalesce(r.version_at, f.version_at) AND NOT a.is_deleted
    )
GROUP BY l.system, r.file_id, r.order_ref;

-- name: incoming_orders
-- The newest version of each order that these loads bring and what becomes of it: new, replaced, deleted, older than what
-- core has, or partial: lines of a version that core has already, of whose other lines raw holds nothing any more. Where
-- core has an older version, nothing of the file was good before, and what is repaired is all that there is. Held back are
-- orders of several customers or currencies. Numbers are drawn in the order of time.
CREATE TEMPORARY TABLE incoming_orders AS
WITH newest AS (
    SELECT
        l.system AS source,
        r.file_id,
        r.order_ref,
        r.load_id,
        coalesce(r.version_at, f.version_at) AS version_at,
        r.first_no,
        r.kind,
        r.original_order_ref,
        r.customer_ref,
        r.store_ref,
        r.ordered_at,
        r.line_count,
        r.amount AS revenue,
        r.discount,
        r.currency,
        1 AS pieces,
        FALSE AS is_deleted
    FROM raw.orders AS r
    INNER JOIN merging_loads AS l ON r.load_id = l.load_id
    LEFT JOIN ops.landing_files AS f ON r.file_id = f.file_id
    WHERE
        NOT r.is_deleted
        AND NOT r.is_simulated
        AND NOT EXISTS (
            SELECT FROM several_rows AS s
            WHERE s.order_ref = r.order_ref
        )
        AND (%(day_from)s::date IS NULL OR (r.ordered_at AT TIME ZONE %(time_zone)s)::date >= %(day_from)s::date)
        AND (%(day_to)s::date IS NULL OR (r.ordered_at AT TIME ZONE %(time_zone)s)::date <= %(day_to)s::date)
    UNION ALL
    (
        SELECT DISTINCT ON (v.source, v.order_ref)
            v.source,
            v.file_id,
            v.order_ref,
            v.load_id,
            v.version_at,
            v.first_no,
            v.kind,
            v.original_order_ref,
            v.customer_ref,
            v.store_ref,
            v.ordered_at,
            v.line_count,
            v.revenue,
            v.discount,
            v.currency,
            v.pieces,
            v.is_deleted
        FROM order_versions AS v
        WHERE NOT v.has_several_customers AND NOT v.has_several_currencies
        ORDER BY v.source ASC, v.order_ref ASC, v.version_at DESC, v.file_id DESC
    )
),

compared AS (
    SELECT
        n.source,
        n.order_ref AS external_id,
        n.load_id,
        n.file_id,
        n.version_at,
        n.first_no,
        n.kind,
        n.original_order_ref,
        n.customer_ref,
        n.store_ref,
        n.ordered_at,
        (n.ordered_at AT TIME ZONE %(time_zone)s)::date AS ordered_on,
        n.line_count,
        n.revenue,
        n.discount,
        n.currency,
        n.pieces,
        o.order_id,
        o.line_count AS known_line_count,
        CASE
            WHEN (d.version_at, d.file_id) >= (n.version_at, n.file_id) AND NOT n.is_deleted THEN 'older'
            WHEN (d.version_at, d.file_id) > (n.version_at, n.file_id) THEN 'older'
            WHEN (o.version_at, o.file_id) > (n.version_at, n.file_id) THEN 'older'
            WHEN n.is_deleted THEN 'deleted'
            WHEN o.order_id IS NULL THEN 'new'
            WHEN (o.version_at, o.file_id) = (n.version_at, n.file_id) AND n.line_count < o.line_count THEN 'partial'
            WHEN
                o.file_id = n.file_id
                AND EXISTS (
                    SELECT FROM ops.landing_files AS f
                    INNER JOIN ops.loads AS l ON f.load_id = l.load_id
                    WHERE
                        f.file_id = n.file_id
                        AND f.load_id <> all(%(line_loads)s::bigint[])
                        AND l.raw_forgotten_at IS NOT NULL
                )
                THEN 'partial'
            ELSE 'replaced'
        END AS outcome
    FROM newest AS n
    LEFT JOIN core.orders AS o ON n.source = o.source AND n.order_ref = o.external_id
    LEFT JOIN core.deleted_orders AS d ON n.source = d.source AND n.order_ref = d.external_id
    ORDER BY n.ordered_at, n.order_ref
)

SELECT
    c.source,
    c.external_id,
    c.load_id,
    c.file_id,
    c.version_at,
    c.first_no,
    c.kind,
    c.original_order_ref,
    c.customer_ref,
    c.store_ref,
    c.ordered_at,
    c.ordered_on,
    c.line_count,
    c.revenue,
    c.discount,
    c.currency,
    c.pieces,
    c.known_line_count,
    c.outcome,
    CASE
        WHEN c.outcome = 'new' THEN nextval('core.orders_order_id_seq')
        ELSE c.order_id
    END AS order_id
FROM compared AS c;

-- name: unusual_orders
-- In a first load all orders are new and in one piece: the steps for others find that out without reading them all.
CREATE INDEX incoming_orders_known ON incoming_orders (order_id) WHERE outcome <> 'new';
CREATE INDEX incoming_orders_in_pieces ON incoming_orders (order_id) WHERE pieces > 1;

-- name: same_totals
CREATE TEMPORARY TABLE same_totals (
    order_id bigint NOT NULL,
    file_id bigint NOT NULL,
    external_id text NOT NULL,
    source text NOT NULL,
    first_no integer NOT NULL,
    ordered_on date NOT NULL
);

-- name: incoming_products_sold
CREATE TEMPORARY TABLE incoming_products_sold AS
SELECT DISTINCT
    r.load_id,
    unnest(r.product_refs) AS product_ref
FROM raw.orders AS r
WHERE r.load_id = any(%(line_loads)s::bigint[]) AND NOT r.is_simulated;

-- name: incoming_products
CREATE TEMPORARY TABLE incoming_products AS
SELECT
    d.source,
    d.product_ref AS external_id,
    d.feed,
    d.version_at,
    d.is_deleted,
    d.file_id,
    d.record_no,
    d.product_name,
    d.manufacturer_ref,
    d.brand,
    d.department,
    d.category,
    d.product_type,
    d.package_size,
    d.list_price,
    d.currency,
    d.product_url,
    d.image_url,
    d.availability,
    sha256(
        convert_to(
            row(
                d.product_name, d.manufacturer_ref, d.brand, d.department, d.category, d.product_type, d.package_size,
                d.list_price, d.currency, d.product_url, d.image_url, d.is_deleted
            )::text
            -- behind the rest, and nothing where there is none: versions from before it was known stay what they are
            || coalesce(d.availability, ''),
            'UTF8'
        )
    ) AS fingerprint
FROM (
    SELECT DISTINCT ON (l.system, r.product_ref, l.feed, r.version_at)
        l.system AS source,
        l.feed,
        r.*
    FROM raw.products AS r
    INNER JOIN merging_loads AS l ON r.load_id = l.load_id
    ORDER BY l.system ASC, r.product_ref ASC, l.feed ASC, r.version_at ASC, r.file_id DESC, r.record_no DESC
) AS d;

-- name: incoming_events
-- The newest version of each event, unless core has a newer one.
CREATE TEMPORARY TABLE incoming_events AS
WITH newest AS (
    SELECT DISTINCT ON (l.system, r.event_ref)
        l.system AS source,
        r.*
    FROM raw.events AS r
    INNER JOIN merging_loads AS l ON r.load_id = l.load_id
    ORDER BY l.system ASC, r.event_ref ASC, r.version_at DESC, r.file_id DESC, r.record_no DESC
),

named AS MATERIALIZED (
    SELECT
        n.*,
        ops.event_id(n.source, n.event_ref) AS event_id,
        (n.occurred_at AT TIME ZONE %(time_zone)s)::date AS occurred_on
    FROM newest AS n
)

SELECT
    n.source,
    n.load_id,
    n.file_id,
    n.record_no,
    n.event_id,
    n.event_ref,
    n.event_type,
    n.customer_ref,
    n.anonymous_ref,
    n.campaign_ref,
    n.coupon_ref,
    n.product_ref,
    n.properties,
    n.occurred_at,
    n.occurred_on,
    n.version_at,
    e.occurred_on AS known_on,
    e.event_id IS NULL OR (e.version_at, e.file_id) < (n.version_at, n.file_id) AS is_news,
    e.customer_id AS known_customer_id
FROM named AS n
LEFT JOIN core.events AS e ON n.event_id = e.event_id
WHERE
    (e.event_id IS NULL OR (e.version_at, e.file_id) <= (n.version_at, n.file_id))
    AND (%(day_from)s::date IS NULL OR n.occurred_on >= %(day_from)s::date)
    AND (%(day_to)s::date IS NULL OR n.occurred_on <= %(day_to)s::date);

-- name: touched
-- Kept aside until the end: the lock under which changes are written must be held for a moment only.
CREATE TEMPORARY TABLE touched (entity text NOT NULL, key text NOT NULL);

-- name: touched_points
CREATE TEMPORARY TABLE touched_points (contact_point_id bigint NOT NULL);
