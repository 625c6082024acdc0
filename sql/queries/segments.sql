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

-- name: outcomes
-- Per customer scored as of the cut: the sum of the scores, the days since the last order, and whether an order followed.
SELECT
    m.recency_score + m.frequency_score + m.monetary_score AS score,
    f.recency_days,
    exists(
        SELECT FROM core.orders AS o
        WHERE o.customer_id = m.customer_id AND o.ordered_on > %(cut_on)s::date AND o.ordered_on <= %(until)s::date
    ) AS bought
FROM models.rfm AS m
INNER JOIN features.purchase_summaries AS f ON m.run_id = f.run_id AND m.customer_id = f.customer_id
WHERE m.run_id = %(run_id)s
ORDER BY m.customer_id;
