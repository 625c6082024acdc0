-- step: replace
DELETE FROM models.rfm AS m
WHERE m.run_id = %(run_id)s;

-- step: score
-- Fifths of the ranks. Customers with the same value share the middle of their ranks, so that they get the same score:
-- with n customers, the middle m of the ranks 1..n gives the score ceil(5 (m - 1/2) / n). All of it in whole numbers:
-- from the first rank r of c equals, m - 1/2 is (2 r + c - 2) / 2.
INSERT INTO models.rfm (run_id, customer_id, recency_score, frequency_score, monetary_score, segment)
SELECT
    %(run_id)s,
    s.customer_id,
    s.recency_score,
    s.frequency_score,
    s.monetary_score,
    g.segment
FROM (
    SELECT
        f.customer_id,
        (5 * (2 * f.recency_rank + f.recency_equals - 2) + 2 * f.n - 1) / (2 * f.n) AS recency_score,
        (5 * (2 * f.frequency_rank + f.frequency_equals - 2) + 2 * f.n - 1) / (2 * f.n) AS frequency_score,
        (5 * (2 * f.monetary_rank + f.monetary_equals - 2) + 2 * f.n - 1) / (2 * f.n) AS monetary_score
    FROM (
        SELECT
            p.customer_id,
            count(*) OVER () AS n,
            rank() OVER (ORDER BY p.recency_days DESC) AS recency_rank,
            count(*) OVER (PARTITION BY p.recency_days) AS recency_equals,
            rank() OVER (ORDER BY p.frequency) AS frequency_rank,
            count(*) OVER (PARTITION BY p.frequency) AS frequency_equals,
            rank() OVER (ORDER BY p.monetary) AS monetary_rank,
            count(*) OVER (PARTITION BY p.monetary) AS monetary_equals
        FROM features.purchase_summaries AS p
        WHERE p.run_id = %(run_id)s
    ) AS f
) AS s
INNER JOIN models.rfm_segment_rules AS g
    ON
        s.recency_score = g.recency_score AND s.frequency_score = g.frequency_score AND s.monetary_score = g.monetary_score
ORDER BY s.customer_id;
