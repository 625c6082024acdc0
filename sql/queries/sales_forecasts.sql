-- Statements of sales forecasts.

-- name: kept_marks
SELECT
    m.products_to,
    m.departments,
    m.months_to,
    m.memberships
FROM features.daily_sales_marks AS m;

-- name: departments
-- A number that changes when a product known until then moves to another department.
SELECT coalesce(sum(hashtextextended(coalesce(p.department, ''), p.product_id)), 0) AS fingerprint
FROM core.products AS p
WHERE p.product_id <= %(products_to)s::bigint;

-- name: memberships
-- A number that changes when somebody turns out to have been in another segment on a day until then.
SELECT
    coalesce(sum(hash_record_extended(
        row(m.segment, m.entered_on, CASE WHEN m.left_on <= %(months_to)s::date THEN m.left_on END), m.customer_id
    )), 0) AS fingerprint
FROM models.segment_memberships AS m
WHERE m.entered_on <= %(months_to)s::date;

-- name: new_bounds
-- Which products and months there are now.
SELECT
    (SELECT coalesce(max(p.product_id), 0) FROM core.products AS p) AS products_to,
    (
        SELECT coalesce(date_trunc('month', max(o.ordered_on)::timestamp)::date - 1, date '1900-01-01')
        FROM core.orders AS o
    ) AS months_to;

-- name: write_marks
INSERT INTO features.daily_sales_marks (products_to, departments, months_to, memberships)
VALUES (%(products_to)s, %(departments)s, %(months_to)s, %(memberships)s)
ON CONFLICT (is_kept) DO UPDATE
    SET
        products_to = excluded.products_to,
        departments = excluded.departments,
        months_to = excluded.months_to,
        memberships = excluded.memberships;

-- name: all_days
-- Every day that has orders, or still has rows although its orders are gone.
SELECT o.ordered_on AS day FROM core.orders AS o
UNION
SELECT f.sold_on FROM features.daily_sales AS f
ORDER BY day;

-- name: daily_sales
SELECT
    f.sold_on,
    f.series_kind,
    f.series,
    f.revenue
FROM features.daily_sales AS f
WHERE f.sold_on <= %(as_of)s::date AND f.sold_on > %(as_of)s::date - %(most_days)s::integer
ORDER BY f.sold_on, f.series_kind, f.series;

-- name: without_rate
-- Orders that count for nothing, because no rate turns them into the shop's own currency.
SELECT count(*) AS orders
FROM core.orders AS o
WHERE
    o.base_revenue IS NULL
    AND o.ordered_on <= %(as_of)s::date AND o.ordered_on > %(as_of)s::date - %(most_days)s::integer;

-- name: promotions
-- Campaigns and coupons of the shop whose days are set, and since when these days were known: when the source wrote them.
SELECT
    p.first_on,
    p.last_on,
    p.known_on
FROM (
    SELECT
        c.starts_on AS first_on,
        c.ends_on AS last_on,
        (c.version_at AT TIME ZONE %(time_zone)s)::date AS known_on
    FROM core.campaigns AS c
    WHERE NOT c.is_deleted
    UNION ALL
    SELECT
        c.valid_from AS first_on,
        c.valid_until AS last_on,
        (c.version_at AT TIME ZONE %(time_zone)s)::date AS known_on
    FROM core.coupons AS c
    WHERE NOT c.is_deleted
) AS p
WHERE p.first_on <= p.last_on AND p.known_on <= %(as_of)s::date
ORDER BY p.first_on, p.last_on;
