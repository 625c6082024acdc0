-- Pictures: what they are drawn of, and where they are kept.

-- name: store
INSERT INTO models.pictures (name, title, description, as_of, run_ids, svg, png, made_at)
VALUES (
    %(name)s, %(title)s, %(description)s, %(as_of)s::date, %(run_ids)s::bigint[], %(svg)s, %(png)s::bytea,
    %(made_at)s::timestamptz
)
ON CONFLICT (name) DO UPDATE
    SET
        title = excluded.title,
        description = excluded.description,
        as_of = excluded.as_of,
        run_ids = excluded.run_ids,
        svg = excluded.svg,
        png = excluded.png,
        made_at = excluded.made_at;

-- name: published
SELECT
    p.model,
    r.run_id,
    r.as_of,
    r.parameters,
    r.metrics
FROM models.published AS p
INNER JOIN models.runs AS r ON p.run_id = r.run_id
WHERE p.model = any(%(models)s::text[]);

-- name: rfm_cells
SELECT
    m.recency_score,
    m.frequency_score,
    m.segment,
    count(*) AS customers,
    sum(m.monetary)::double precision AS monetary,
    min(m.recency_days) AS days_from,
    max(m.recency_days) AS days_to,
    min(m.frequency) AS orders_from,
    max(m.frequency) AS orders_to
FROM models.rfm AS m
WHERE m.run_id = %(run_id)s
GROUP BY m.recency_score, m.frequency_score, m.segment
ORDER BY m.recency_score, m.frequency_score, m.segment;

-- name: migrations
-- The newest periods.
SELECT
    m.period_from,
    m.period_to,
    m.segment_from,
    m.segment_to,
    m.customers
FROM marts.segment_migrations AS m
WHERE
    m.period_from IN (
        SELECT DISTINCT n.period_from FROM marts.segment_migrations AS n
        ORDER BY n.period_from DESC
        LIMIT %(periods)s::integer
    )
ORDER BY m.period_from, m.segment_from, m.segment_to;

-- name: cluster_profiles
SELECT
    p.cluster_id,
    p.name,
    p.customers,
    p.share,
    p.revenue_share
FROM models.cluster_profiles AS p
WHERE p.run_id = %(run_id)s
ORDER BY p.cluster_id;

-- name: cluster_features
SELECT
    f.cluster_id,
    f.feature,
    f.difference
FROM models.cluster_features AS f
WHERE f.run_id = %(run_id)s
ORDER BY f.cluster_id, f.feature;

-- name: cluster_points
-- Scattered by their numbers' hash, so that the same are drawn each time and no part of the map is left out.
SELECT
    s.cluster_id,
    s.x,
    s.y
FROM models.cluster_points AS s
WHERE s.run_id = %(run_id)s
ORDER BY hashint8extended(s.customer_id, 0), s.customer_id
LIMIT %(most)s::integer;

-- name: sold
-- The newest days of the series that are given; none after the day. Categories that are not forecast on their own are the
-- series `other`.
SELECT
    n.series,
    n.sold_on,
    sum(n.revenue)::double precision AS revenue
FROM (
    SELECT
        CASE
            WHEN d.series_kind = 'category' AND d.series <> all(%(series)s::text[]) THEN 'other'
            ELSE d.series
        END AS series,
        d.sold_on,
        d.revenue
    FROM features.daily_sales AS d
    WHERE
        d.series_kind = %(kind)s AND d.sold_on <= %(as_of)s::date
        AND d.sold_on > %(as_of)s::date - %(days)s::integer
) AS n
WHERE n.series = any(%(series)s::text[])
GROUP BY n.series, n.sold_on
ORDER BY n.series, n.sold_on;

-- name: forecast
SELECT
    f.series,
    f.sold_on,
    f.forecast::double precision AS forecast,
    f.low::double precision AS low,
    f.high::double precision AS high
FROM models.sales_forecasts AS f
WHERE f.run_id = %(run_id)s AND f.series_kind = %(kind)s
ORDER BY f.series, f.sold_on;
