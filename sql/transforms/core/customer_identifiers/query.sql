-- step: new_customers
-- Whoever is named by a customer record, an order or an event and is not known yet. The numbers are drawn in the order of
-- the shop's own, so that two warehouses built from the same files agree.
WITH named AS (
    SELECT r.customer_ref FROM raw.customers AS r
    WHERE r.load_id = any(%(load_ids)s::bigint[])
    UNION
    SELECT r.customer_ref FROM raw.order_lines AS r
    WHERE r.load_id = any(%(load_ids)s::bigint[]) AND r.customer_ref IS NOT NULL
    UNION
    SELECT r.customer_ref FROM raw.events AS r
    WHERE r.load_id = any(%(load_ids)s::bigint[])
),

unknown AS (
    SELECT n.customer_ref
    FROM named AS n
    WHERE
        NOT EXISTS (
            SELECT FROM core.customer_identifiers AS i
            WHERE i.source = %(source)s AND i.external_id = n.customer_ref
        )
    ORDER BY length(n.customer_ref), n.customer_ref
),

numbered AS MATERIALIZED (
    SELECT
        u.customer_ref,
        nextval(pg_get_serial_sequence('core.customers', 'customer_id')) AS customer_id
    FROM unknown AS u
),

created AS (
    INSERT INTO core.customers (customer_id, time_zone, first_seen_at, updated_at)
    OVERRIDING SYSTEM VALUE
    SELECT
        n.customer_id,
        %(time_zone)s,
        %(now)s AS first_seen_at,
        %(now)s AS updated_at
    FROM numbered AS n
)

INSERT INTO core.customer_identifiers (source, external_id, customer_id)
SELECT
    %(source)s,
    n.customer_ref,
    n.customer_id
FROM numbered AS n;
