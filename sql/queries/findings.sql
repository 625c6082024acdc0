-- What is remarkable about records that are each well formed: one row per record into `found`, summed up at the end.

-- name: found
CREATE TEMPORARY TABLE found (load_id bigint NOT NULL, record text NOT NULL, reason text NOT NULL, key text NOT NULL);

-- name: guests
INSERT INTO found (load_id, record, reason, key)
SELECT
    n.load_id,
    'orders' AS record,
    'order of a guest' AS reason,
    n.external_id
FROM incoming_orders AS n
WHERE n.customer_ref IS NULL AND n.outcome IN ('new', 'replaced', 'unchanged');

-- name: customers_without_a_record
INSERT INTO found (load_id, record, reason, key)
SELECT DISTINCT
    n.load_id,
    'orders' AS record,
    'customer without a record' AS reason,
    n.customer_ref
FROM incoming_orders AS n
WHERE
    n.customer_ref IS NOT NULL
    AND NOT EXISTS (
        SELECT FROM core.customer_versions AS v
        WHERE v.source = n.source AND v.external_id = n.customer_ref
    );

-- name: products_not_in_the_catalogue
INSERT INTO found (load_id, record, reason, key)
SELECT
    n.load_id,
    'orders' AS record,
    'product not in the catalogue' AS reason,
    n.product_ref
FROM incoming_products_sold AS n
INNER JOIN merging_loads AS l ON n.load_id = l.load_id
INNER JOIN core.products AS p ON l.system = p.source AND n.product_ref = p.external_id
WHERE NOT p.in_catalogue;

-- name: several_customers
INSERT INTO found (load_id, record, reason, key)
SELECT
    v.load_id,
    'orders' AS record,
    'order of several customers, held back' AS reason,
    v.order_ref
FROM order_versions AS v
WHERE v.has_several_customers;

-- name: several_currencies
INSERT INTO found (load_id, record, reason, key)
SELECT
    v.load_id,
    'orders' AS record,
    'order in several currencies, held back' AS reason,
    v.order_ref
FROM order_versions AS v
WHERE v.has_several_currencies;

-- name: incomplete
INSERT INTO found (load_id, record, reason, key)
SELECT
    n.load_id,
    'orders' AS record,
    'repaired lines of an order whose other lines raw holds no longer, held back' AS reason,
    n.external_id
FROM incoming_orders AS n
WHERE n.outcome = 'partial';

-- name: several_files
-- The newest file's version counts, and the others are not added to it.
INSERT INTO found (load_id, record, reason, key)
SELECT
    v.load_id,
    'orders' AS record,
    'order in several files of one load, the newest counts' AS reason,
    v.order_ref
FROM order_versions AS v
GROUP BY v.load_id, v.order_ref
HAVING min(v.file_id) <> max(v.file_id);

-- name: several_times
-- Whether each line has its own time, or a file holds the order in two versions, cannot be told: its lines are added up.
INSERT INTO found (load_id, record, reason, key)
SELECT
    v.load_id,
    'orders' AS record,
    'lines of an order have different times, all are counted' AS reason,
    v.order_ref
FROM order_versions AS v
WHERE v.has_several_times;

-- name: fewer_lines
-- So it is where an export cuts an order in two, as at midnight.
INSERT INTO found (load_id, record, reason, key)
SELECT
    n.load_id,
    'orders' AS record,
    'order was replaced by one with fewer lines' AS reason,
    n.external_id
FROM incoming_orders AS n
WHERE n.outcome = 'replaced' AND n.line_count < n.known_line_count;

-- name: same_number_elsewhere
-- Two systems, two orders; whoever made two sources of one shop without giving them a system in common sees it here.
INSERT INTO found (load_id, record, reason, key)
SELECT
    n.load_id,
    'orders' AS record,
    'another system has an order of this number' AS reason,
    n.external_id
FROM incoming_orders AS n
WHERE
    n.outcome IN ('new', 'replaced')
    AND (SELECT min(s.system) <> max(s.system) FROM ops.loads AS s)
    AND EXISTS (
        SELECT FROM (SELECT DISTINCT s.system FROM ops.loads AS s) AS s
        INNER JOIN core.orders AS o ON s.system = o.source
        WHERE s.system <> n.source AND o.external_id = n.external_id
    );

-- name: refunds_too_large
-- All that was given back of an order, when it is in the same currency.
WITH touched_originals AS (
    SELECT
        n.source,
        n.original_order_ref AS external_id
    FROM incoming_orders AS n
    WHERE n.original_order_ref IS NOT NULL AND n.kind <> 'sale'
    UNION
    SELECT
        n.source,
        n.external_id
    FROM incoming_orders AS n
    WHERE
        n.kind = 'sale'
        AND EXISTS (
            SELECT FROM core.orders AS b
            WHERE b.source = n.source AND b.original_order_ref = n.external_id
        )
),

refunds AS (
    SELECT
        o.order_id,
        o.revenue,
        -sum(b.revenue) AS given_back,
        min(b.order_id) AS first_refund_id
    FROM touched_originals AS t
    INNER JOIN core.orders AS o ON t.source = o.source AND t.external_id = o.external_id
    INNER JOIN core.orders AS b ON t.source = b.source AND t.external_id = b.original_order_ref
    WHERE b.kind <> 'sale' AND b.currency = o.currency AND b.order_id <> o.order_id
    GROUP BY o.order_id, o.revenue
    HAVING -sum(b.revenue) > o.revenue
)

INSERT INTO found (load_id, record, reason, key)
-- what was given back now, and beside it an order that came now without what was given back of it
SELECT
    n.load_id,
    'orders' AS record,
    'refund is larger than its order' AS reason,
    n.external_id
FROM refunds AS r
INNER JOIN core.orders AS o ON r.order_id = o.order_id
INNER JOIN incoming_orders AS n ON o.source = n.source AND o.external_id = n.original_order_ref
WHERE n.kind <> 'sale'
UNION
SELECT
    n.load_id,
    'orders' AS record,
    'refund is larger than its order' AS reason,
    n.external_id
FROM refunds AS r
INNER JOIN core.orders AS o ON r.order_id = o.order_id
INNER JOIN incoming_orders AS n ON o.source = n.source AND o.external_id = n.external_id
WHERE
    n.kind <> 'sale'
    OR NOT EXISTS (
        SELECT FROM incoming_orders AS b
        WHERE b.source = o.source AND b.original_order_ref = o.external_id
    );

-- name: no_exchange_rate
INSERT INTO found (load_id, record, reason, key)
SELECT
    n.load_id,
    'orders' AS record,
    'no exchange rate' AS reason,
    n.external_id
FROM incoming_orders AS n
INNER JOIN core.orders AS o ON n.order_id = o.order_id
WHERE n.currency <> %(base_currency)s AND o.base_revenue IS NULL AND n.outcome IN ('new', 'replaced');

-- name: answers_without_an_address
INSERT INTO found (load_id, record, reason, key)
SELECT
    i.load_id,
    'consents' AS record,
    'answer without an address of its channel' AS reason,
    'record ' || i.record_no::text
FROM incoming_answers AS i
WHERE i.customer_ref IS NULL AND i.address_hash IS NULL;

-- name: sum_up
INSERT INTO ops.findings AS f (load_id, record, reason, records, examples, found_at)
SELECT
    n.load_id,
    n.record,
    n.reason,
    count(*) AS records,
    (array_agg(n.key ORDER BY length(n.key), n.key))[1:5] AS examples,
    %(now)s
FROM found AS n
GROUP BY n.load_id, n.record, n.reason
ORDER BY n.load_id, n.record, n.reason
ON CONFLICT (load_id, record, reason) DO UPDATE
    SET
        records = excluded.records,
        examples = excluded.examples,
        found_at = excluded.found_at;
