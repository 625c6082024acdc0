-- step: forget
-- Categories and totals of the touched days; segments also of days whose customers are now known to have been in others.
DELETE FROM features.daily_sales AS f
WHERE
    f.sold_on = any(%(days)s::date[])
    OR (f.series_kind = 'segment' AND f.sold_on = any(%(segment_days)s::date[]))
    OR (f.series_kind = 'category' AND f.sold_on = any(%(category_days)s::date[]));

-- step: total
-- What was given back takes from the day on which it was. An order without a rate has no value yet.
INSERT INTO features.daily_sales (sold_on, series_kind, series, revenue)
SELECT
    o.ordered_on,
    'total' AS series_kind,
    'total' AS series,
    sum(o.base_revenue) AS revenue
FROM core.orders AS o
WHERE o.ordered_on = any(%(days)s::date[]) AND o.base_revenue IS NOT NULL
GROUP BY o.ordered_on;

-- step: categories
-- The lines, at the rate of their order: what its revenue is in the shop's own currency, over what it is in the order's.
INSERT INTO features.daily_sales (sold_on, series_kind, series, revenue)
WITH departments AS MATERIALIZED (
    SELECT
        p.source,
        p.external_id,
        coalesce(nullif(btrim(p.department), ''), 'other') AS department
    FROM core.products AS p
),

lines AS (
    SELECT
        o.ordered_on,
        o.source,
        CASE
            WHEN o.base_revenue = o.revenue OR o.revenue = 0 THEN 1
            ELSE o.base_revenue / o.revenue
        END AS rate,
        unnest(b.product_refs) AS product_ref,
        unnest(b.amounts) AS amount
    FROM core.orders AS o
    INNER JOIN core.baskets AS b ON o.order_id = b.order_id
    WHERE
        (o.ordered_on = any(%(days)s::date[]) OR o.ordered_on = any(%(category_days)s::date[]))
        AND o.base_revenue IS NOT NULL
)

SELECT
    l.ordered_on,
    'category' AS series_kind,
    coalesce(d.department, 'other') AS series,
    sum(CASE WHEN l.rate = 1 THEN l.amount ELSE l.amount * l.rate END) AS revenue
FROM lines AS l
LEFT JOIN departments AS d ON l.source = d.source AND l.product_ref = d.external_id
GROUP BY l.ordered_on, coalesce(d.department, 'other');

-- step: segments
-- The segment in which the customer was when the month before the order ended: known before the order, and no result of it.
INSERT INTO features.daily_sales (sold_on, series_kind, series, revenue)
SELECT
    o.ordered_on,
    'segment' AS series_kind,
    CASE WHEN o.customer_id IS NULL THEN 'guests' ELSE coalesce(m.segment, 'no segment') END AS series,
    sum(o.base_revenue) AS revenue
FROM core.orders AS o
LEFT JOIN models.segment_memberships AS m
    ON
        o.customer_id = m.customer_id
        AND m.entered_on < date_trunc('month', o.ordered_on::timestamp)::date
        AND (m.left_on IS NULL OR m.left_on >= date_trunc('month', o.ordered_on::timestamp)::date)
WHERE
    (o.ordered_on = any(%(days)s::date[]) OR o.ordered_on = any(%(segment_days)s::date[]))
    AND o.base_revenue IS NOT NULL
GROUP BY o.ordered_on, series;
