-- step: write
-- The newest version of each that the loads bring; of a file all its rows, since an order need not lie in one piece.
INSERT INTO core.simulated_orders AS s (
    source, external_id, customer_id, ordered_at, ordered_on, line_count, revenue, discount, currency, kind, base_revenue,
    file_id, version_at
)
WITH versions AS (
    SELECT
        l.system AS source,
        r.order_ref AS external_id,
        r.file_id,
        max(coalesce(r.version_at, f.version_at)) AS version_at,
        min(r.customer_ref) AS customer_ref,
        min(r.ordered_at) AS ordered_at,
        sum(r.line_count) AS line_count,
        sum(r.amount) AS revenue,
        sum(r.discount) AS discount,
        min(r.currency) AS currency,
        max(r.kind) AS kind
    FROM raw.orders AS r
    INNER JOIN merging_loads AS l ON r.load_id = l.load_id
    LEFT JOIN ops.landing_files AS f ON r.file_id = f.file_id
    WHERE
        r.is_simulated AND NOT r.is_deleted
        AND (%(day_from)s::date IS NULL OR (r.ordered_at AT TIME ZONE %(time_zone)s)::date >= %(day_from)s::date)
        AND (%(day_to)s::date IS NULL OR (r.ordered_at AT TIME ZONE %(time_zone)s)::date <= %(day_to)s::date)
    GROUP BY l.system, r.order_ref, r.file_id
    HAVING min(r.currency) = max(r.currency)
)

SELECT DISTINCT ON (v.source, v.external_id)
    v.source,
    v.external_id,
    i.customer_id,
    v.ordered_at,
    (v.ordered_at AT TIME ZONE %(time_zone)s)::date AS ordered_on,
    v.line_count,
    v.revenue,
    v.discount,
    v.currency,
    v.kind,
    CASE
        WHEN v.currency = %(base_currency)s THEN v.revenue
        ELSE (
            SELECT round(v.revenue * x.rate, 2)
            FROM core.exchange_rates AS x
            WHERE
                x.base_currency = %(base_currency)s AND x.currency = v.currency
                AND x.rate_on <= (v.ordered_at AT TIME ZONE %(time_zone)s)::date
            ORDER BY x.rate_on DESC
            LIMIT 1
        )
    END AS base_revenue,
    v.file_id,
    v.version_at
FROM versions AS v
LEFT JOIN core.customer_identifiers AS i ON v.source = i.source AND v.customer_ref = i.external_id
ORDER BY v.source ASC, v.external_id ASC, v.version_at DESC, v.file_id DESC
ON CONFLICT (source, external_id) DO UPDATE
    SET
        customer_id = excluded.customer_id,
        ordered_at = excluded.ordered_at,
        ordered_on = excluded.ordered_on,
        line_count = excluded.line_count,
        revenue = excluded.revenue,
        discount = excluded.discount,
        currency = excluded.currency,
        kind = excluded.kind,
        base_revenue = excluded.base_revenue,
        file_id = excluded.file_id,
        version_at = excluded.version_at
    WHERE (s.version_at, s.file_id) <= (excluded.version_at, excluded.file_id);

-- step: delete
-- Those that are gone from the loads' newest word about them.
DELETE FROM core.simulated_orders AS s
USING (
    SELECT
        l.system AS source,
        r.order_ref AS external_id,
        max(coalesce(r.version_at, f.version_at)) AS deleted_at
    FROM raw.orders AS r
    INNER JOIN merging_loads AS l ON r.load_id = l.load_id
    LEFT JOIN ops.landing_files AS f ON r.file_id = f.file_id
    WHERE r.is_simulated AND r.is_deleted
    GROUP BY l.system, r.order_ref
) AS d
WHERE s.source = d.source AND s.external_id = d.external_id AND s.version_at < d.deleted_at;
