-- step: merge
-- An order stands whole in one file; the newest file's version replaces an older one, never the other way round.
INSERT INTO core.orders AS o (
    source, external_id, customer_id, store_ref, ordered_at, ordered_on, line_count, revenue, discount, currency, file_id
)
SELECT
    %(source)s,
    n.order_ref,
    i.customer_id,
    n.store_ref,
    n.ordered_at,
    (n.ordered_at AT TIME ZONE %(time_zone)s)::date,
    n.line_count,
    n.revenue,
    n.discount,
    n.currency,
    n.file_id
FROM (
    SELECT DISTINCT ON (r.order_ref)
        r.order_ref,
        r.file_id,
        min(r.customer_ref) AS customer_ref,
        min(r.store_ref) AS store_ref,
        min(r.ordered_at) AS ordered_at,
        count(*) AS line_count,
        sum(r.amount) AS revenue,
        sum(r.retail_discount + r.coupon_discount) AS discount,
        min(r.currency) AS currency
    FROM raw.order_lines AS r
    WHERE r.load_id = any(%(load_ids)s::bigint[])
    GROUP BY r.order_ref, r.file_id
    ORDER BY r.order_ref ASC, r.file_id DESC
) AS n
LEFT JOIN core.customer_identifiers AS i ON i.source = %(source)s AND n.customer_ref = i.external_id
ORDER BY n.ordered_at, n.order_ref
ON CONFLICT (source, external_id) DO UPDATE
    SET
        customer_id = excluded.customer_id,
        store_ref = excluded.store_ref,
        ordered_at = excluded.ordered_at,
        ordered_on = excluded.ordered_on,
        line_count = excluded.line_count,
        revenue = excluded.revenue,
        discount = excluded.discount,
        currency = excluded.currency,
        file_id = excluded.file_id
    WHERE
    o.file_id <= excluded.file_id
    AND (
        o.customer_id, o.store_ref, o.ordered_at, o.ordered_on, o.line_count, o.revenue, o.discount, o.currency, o.file_id
    ) IS DISTINCT FROM (
        excluded.customer_id, excluded.store_ref, excluded.ordered_at, excluded.ordered_on, excluded.line_count,
        excluded.revenue, excluded.discount, excluded.currency, excluded.file_id
    );
