-- Statements of the room `segments`.

-- name: write_rules
INSERT INTO models.rfm_segment_rules AS r (recency_score, frequency_score, monetary_score, segment)
SELECT
    t.recency_score,
    t.frequency_score,
    t.monetary_score,
    t.segment
FROM
    unnest(
        %(recency)s::integer[], %(frequency)s::integer[], %(monetary)s::integer[], %(segments)s::text[]
    ) AS t (recency_score, frequency_score, monetary_score, segment)
ON CONFLICT (recency_score, frequency_score, monetary_score) DO UPDATE
    SET segment = excluded.segment
    WHERE r.segment <> excluded.segment;

-- name: sizes
SELECT
    m.segment,
    count(*) AS customers
FROM models.rfm AS m
WHERE m.run_id = %(run_id)s
GROUP BY m.segment
ORDER BY m.segment;

-- name: kept_window
SELECT
    w.as_of,
    w.window_days
FROM features.purchase_windows AS w;

-- name: touched_forget
DROP TABLE IF EXISTS pg_temp.touched_customers;

-- name: touched
-- Whose totals are not what they were: an order has come into the window with the new days, or left it with the old ones,
-- or core has changed something else about the customer.
CREATE TEMPORARY TABLE touched_customers ON COMMIT DROP AS
SELECT o.customer_id
FROM core.orders AS o
WHERE o.customer_id IS NOT NULL AND o.ordered_on > %(kept_as_of)s::date AND o.ordered_on <= %(as_of)s::date
UNION
SELECT o.customer_id
FROM core.orders AS o
WHERE
    o.customer_id IS NOT NULL
    AND o.ordered_on > %(kept_as_of)s::date - %(window_days)s::integer
    AND o.ordered_on <= %(as_of)s::date - %(window_days)s::integer
UNION
SELECT c.key::bigint
FROM ops.pending_changes AS c
WHERE c.entity = 'customer' AND c.change_id > %(position)s AND c.change_id <= %(newest)s;

-- name: touched_count
-- Those whose totals must be made anew, beside all that there were.
SELECT
    (SELECT count(*) FROM pg_temp.touched_customers) AS touched,
    w.customers
FROM features.purchase_windows AS w;

-- name: count_touched
ANALYZE pg_temp.touched_customers;

-- name: summarise_touched
-- As in the transform features.purchase_summaries, for these customers.
WITH made AS MATERIALIZED (
    SELECT
        t.customer_id,
        s.frequency,
        s.monetary,
        s.first_order_on,
        s.last_order_on
    FROM pg_temp.touched_customers AS t
    CROSS JOIN
        LATERAL (
            SELECT
                count(*) FILTER (WHERE o.kind = 'sale') AS frequency,
                coalesce(sum(o.base_revenue), 0) AS monetary,
                min(o.ordered_on) FILTER (WHERE o.kind = 'sale') AS first_order_on,
                max(o.ordered_on) FILTER (WHERE o.kind = 'sale') AS last_order_on
            FROM core.orders AS o
            WHERE
                o.customer_id = t.customer_id
                AND o.ordered_on <= %(as_of)s::date
                AND o.ordered_on > %(as_of)s::date - %(window_days)s::integer
        ) AS s
),

forgotten AS (
    DELETE FROM features.purchase_summaries AS f
    USING made AS m
    WHERE f.customer_id = m.customer_id AND m.frequency = 0
)

INSERT INTO features.purchase_summaries (customer_id, frequency, monetary, first_order_on, last_order_on)
SELECT
    m.customer_id,
    m.frequency,
    m.monetary,
    m.first_order_on,
    m.last_order_on
FROM made AS m
WHERE m.frequency > 0
ON CONFLICT (customer_id) DO UPDATE
    SET
        frequency = excluded.frequency,
        monetary = excluded.monetary,
        first_order_on = excluded.first_order_on,
        last_order_on = excluded.last_order_on;

-- name: move_window
UPDATE features.purchase_windows
SET as_of = %(as_of)s;

-- name: outcomes
-- By sum of the scores and days since the last order, as of the cut: how many customers, and how many of them bought then.
WITH buyers AS (
    SELECT DISTINCT o.customer_id
    FROM core.orders AS o
    WHERE o.kind = 'sale' AND o.ordered_on > %(cut_on)s::date AND o.ordered_on <= %(until)s::date
)

SELECT
    m.recency_score + m.frequency_score + m.monetary_score AS score,
    m.recency_days,
    count(*) AS customers,
    count(b.customer_id) AS buyers
FROM models.rfm AS m
LEFT JOIN buyers AS b ON m.customer_id = b.customer_id
WHERE m.run_id = %(run_id)s
GROUP BY score, m.recency_days;

-- name: show_kept
-- What a run scores: the summaries that are kept from day to day.
CREATE TEMPORARY VIEW summaries_shown AS
SELECT
    f.customer_id,
    f.frequency,
    f.monetary,
    f.first_order_on,
    f.last_order_on
FROM features.purchase_summaries AS f;

-- name: show_aside
-- Those of another day or of a test.
CREATE TEMPORARY VIEW summaries_shown AS
SELECT
    p.customer_id,
    p.frequency,
    p.monetary,
    p.first_order_on,
    p.last_order_on
FROM pg_temp.purchases AS p;

-- name: show_no_more
DROP VIEW pg_temp.summaries_shown;

-- name: bound_by_cuts
-- In place of the step `bound` of models.rfm: the values from which on the scores 2 to 5 are given, as the user fixed them.
-- Scores rise with the day of the last order, and so with fewer days since then.
CREATE TEMPORARY TABLE score_bounds ON COMMIT DROP AS
SELECT
    k.k,
    (%(monetary_cuts)s::numeric[])[k.k] AS monetary,
    %(as_of)s::date - (%(recency_cuts)s::integer[])[5 - k.k] AS day,
    (%(frequency_cuts)s::integer[])[k.k] AS frequency
FROM generate_series(1, 4) AS k (k);
