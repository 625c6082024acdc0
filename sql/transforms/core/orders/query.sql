-- step: note_same_totals
-- Orders that came again with the totals that core has. A table of its own, with statistics: within a larger statement the
-- planner takes them for a single row, and compares each line with all products.
INSERT INTO same_totals (order_id, file_id, external_id, source, first_no, ordered_on)
SELECT
    n.order_id,
    n.file_id,
    n.external_id,
    n.source,
    n.first_no,
    n.ordered_on
FROM incoming_orders AS n
INNER JOIN core.orders AS o ON n.order_id = o.order_id
LEFT JOIN core.customer_identifiers AS i ON n.source = i.source AND n.customer_ref = i.external_id
WHERE
    n.outcome = 'replaced'
    AND (n.currency <> %(base_currency)s OR o.base_revenue = o.revenue)
    AND (
        o.customer_id, o.store_ref, o.ordered_at, o.ordered_on, o.line_count, o.revenue, o.discount, o.currency,
        o.kind, o.original_order_ref
    ) IS NOT DISTINCT FROM (
        i.customer_id, n.store_ref, n.ordered_at, n.ordered_on, n.line_count, n.revenue::numeric(14, 2),
        n.discount::numeric(14, 2), n.currency, n.kind, n.original_order_ref
    );

-- step: note_statistics
ANALYZE same_totals;

-- step: note_unchanged
-- An order that came again as it is: its lines are left alone, and nobody needs to hear of it.
WITH lines AS (
    SELECT
        s.order_id,
        r.record_no - s.first_no + 1 AS line_no,
        p.product_id,
        r.quantity,
        r.amount,
        r.retail_discount + r.coupon_discount AS discount,
        s.ordered_on
    FROM same_totals AS s
    INNER JOIN raw.order_lines AS r ON s.file_id = r.file_id AND s.external_id = r.order_ref
    INNER JOIN core.products AS p ON s.source = p.source AND r.product_ref = p.external_id
    WHERE r.load_id = any(%(line_loads)s::bigint[]) AND NOT r.is_deleted AND NOT r.is_simulated
),

known_lines AS (
    SELECT l.*
    FROM core.order_lines AS l
    WHERE l.order_id IN (SELECT s.order_id FROM same_totals AS s)
),

different AS (
    SELECT coalesce(a.order_id, b.order_id) AS order_id
    FROM lines AS a
    FULL JOIN known_lines AS b ON a.order_id = b.order_id AND a.line_no = b.line_no
    WHERE
        (a.product_id, a.quantity, a.amount, a.discount, a.ordered_on)
        IS DISTINCT FROM (b.product_id, b.quantity, b.amount, b.discount, b.ordered_on)
)

UPDATE incoming_orders AS n
SET outcome = 'unchanged'
FROM same_totals AS s
WHERE
    n.order_id = s.order_id
    AND NOT EXISTS (
        SELECT FROM different AS d
        WHERE d.order_id = n.order_id
    );

-- step: note_before
-- What the orders that are about to be replaced held: their customers, days and products lose something.
WITH old AS MATERIALIZED (
    SELECT
        o.order_id,
        o.customer_id,
        o.ordered_on
    FROM core.orders AS o
    INNER JOIN incoming_orders AS n ON o.order_id = n.order_id
    WHERE n.outcome IN ('replaced', 'deleted')
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

-- step: insert
INSERT INTO core.orders (
    order_id, source, external_id, customer_id, store_ref, ordered_at, ordered_on, line_count, revenue, discount, currency,
    file_id, kind, original_order_ref, version_at, base_revenue
)
OVERRIDING SYSTEM VALUE
SELECT
    n.order_id,
    n.source,
    n.external_id,
    i.customer_id,
    n.store_ref,
    n.ordered_at,
    n.ordered_on,
    n.line_count,
    n.revenue,
    n.discount,
    n.currency,
    n.file_id,
    n.kind,
    n.original_order_ref,
    n.version_at,
    CASE WHEN n.currency = %(base_currency)s THEN n.revenue END AS base_revenue
FROM incoming_orders AS n
LEFT JOIN core.customer_identifiers AS i ON n.source = i.source AND n.customer_ref = i.external_id
WHERE n.outcome = 'new';

-- step: replace
-- A newer version replaces the order as a whole; one that says the same only confirms it.
UPDATE core.orders AS o
SET
    customer_id = i.customer_id,
    store_ref = n.store_ref,
    ordered_at = n.ordered_at,
    ordered_on = n.ordered_on,
    line_count = n.line_count,
    revenue = n.revenue,
    discount = n.discount,
    currency = n.currency,
    file_id = n.file_id,
    kind = n.kind,
    original_order_ref = n.original_order_ref,
    version_at = n.version_at,
    base_revenue = CASE WHEN n.currency = %(base_currency)s THEN n.revenue ELSE o.base_revenue END
FROM incoming_orders AS n
LEFT JOIN core.customer_identifiers AS i ON n.source = i.source AND n.customer_ref = i.external_id
WHERE
    o.order_id = n.order_id
    AND (n.outcome = 'replaced' OR (n.outcome = 'unchanged' AND (o.version_at, o.file_id) <> (n.version_at, n.file_id)));

-- step: delete
DELETE FROM core.orders AS o
USING incoming_orders AS n
WHERE o.order_id = n.order_id AND n.outcome = 'deleted';

-- step: note_converted
-- Orders in other currencies, by the newest rate on or before their day: those that came now, and those of the days that a
-- rate which came now is about. Days and customers of those that change are noted.
WITH affected AS (
    SELECT n.order_id
    FROM incoming_orders AS n
    WHERE n.currency <> %(base_currency)s AND n.outcome IN ('new', 'replaced', 'unchanged')
    UNION
    SELECT o.order_id
    FROM (
        SELECT
            r.currency,
            min(r.rate_on) AS first_on
        FROM raw.exchange_rates AS r
        INNER JOIN merging_loads AS l ON r.load_id = l.load_id
        WHERE r.base_currency = %(base_currency)s
        GROUP BY r.currency
    ) AS x
    INNER JOIN core.orders AS o ON x.currency = o.currency AND x.first_on <= o.ordered_on
),

converted AS (
    UPDATE core.orders AS o
    SET base_revenue = c.base_revenue
    FROM (
        SELECT
            f.order_id,
            (
                SELECT round(f.revenue * x.rate, 2)
                FROM core.exchange_rates AS x
                WHERE x.base_currency = %(base_currency)s AND x.currency = f.currency AND x.rate_on <= f.ordered_on
                ORDER BY x.rate_on DESC
                LIMIT 1
            ) AS base_revenue
        FROM core.orders AS f
        WHERE f.order_id IN (SELECT a.order_id FROM affected AS a) AND f.currency <> %(base_currency)s
    ) AS c
    WHERE o.order_id = c.order_id AND o.base_revenue IS DISTINCT FROM c.base_revenue
    RETURNING o.customer_id, o.ordered_on
)

INSERT INTO touched (entity, key)
SELECT
    'day' AS entity,
    c.ordered_on::text
FROM converted AS c
UNION
SELECT
    'customer' AS entity,
    c.customer_id::text
FROM converted AS c
WHERE c.customer_id IS NOT NULL;
