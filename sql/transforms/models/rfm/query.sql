-- step: note_begin
SELECT models.begin_run('rfm', %(run_id)s);

-- step: forget_bounds
DROP TABLE IF EXISTS pg_temp.score_bounds;

-- step: bound
-- The values from which on the scores 2 to 5 are given, of the summaries that are shown (segments.sql): those that are kept,
-- or those of another day or of a test. Scores are fifths of the ranks; customers with the same value share the middle of
-- their ranks, so that they get the same score: with n customers, the middle m of the ranks 1..n gives the score
-- ceil(5 (m - 1/2) / n). So a value that c customers have, and `upto` have it or less, is scored above k if
-- 5 (2 upto - c) > 2 k n: all of it in whole numbers.
-- Days and numbers of orders are few and are counted all. Sums are nearly as many as customers: of these only the one at
-- the border between two fifths can be in doubt. Its equals stand around it; only if they are many are all counted.
CREATE TEMPORARY TABLE score_bounds ON COMMIT DROP AS
WITH pairs AS MATERIALIZED (
    SELECT
        s.last_order_on,
        s.frequency,
        count(*) AS customers
    FROM pg_temp.summaries_shown AS s
    GROUP BY s.last_order_on, s.frequency
),

total AS MATERIALIZED (
    SELECT coalesce(sum(p.customers), 0)::bigint AS n
    FROM pairs AS p
),

days AS MATERIALIZED (
    SELECT
        p.last_order_on AS day,
        sum(p.customers) AS c,
        sum(sum(p.customers)) OVER (ORDER BY p.last_order_on) AS upto
    FROM pairs AS p
    GROUP BY p.last_order_on
),

numbers AS MATERIALIZED (
    SELECT
        p.frequency,
        sum(p.customers) AS c,
        sum(sum(p.customers)) OVER (ORDER BY p.frequency) AS upto
    FROM pairs AS p
    GROUP BY p.frequency
),

-- the places in the order of the sums that lie around each border; `b` 0 is the first behind it
places AS MATERIALIZED (
    SELECT
        array_agg(k.k ORDER BY k.k, b.b) AS ks,
        array_agg(b.b ORDER BY k.k, b.b) AS bs,
        array_agg((k.k * t.n / 5 + 1 + b.b - 0.5) / t.n ORDER BY k.k, b.b) AS shares
    FROM total AS t
    CROSS JOIN generate_series(1, 4) AS k (k)
    CROSS JOIN generate_series(-10, 10) AS b (b)
    WHERE k.k * t.n / 5 + 1 + b.b BETWEEN 1 AND t.n
),

around AS (
    SELECT
        u.k,
        u.b,
        u.monetary,
        max(u.monetary) FILTER (WHERE u.b = 0) OVER (PARTITION BY u.k) AS at_border
    FROM
        unnest(
            (SELECT p.ks FROM places AS p),
            (SELECT p.bs FROM places AS p),
            (
                SELECT percentile_disc((SELECT p.shares FROM places AS p)) WITHIN GROUP (ORDER BY s.monetary)
                FROM pg_temp.summaries_shown AS s
            )
        ) AS u (k, b, monetary)
),

-- all equals of the sum at the border are seen if there are others on both sides, or the end of the order
borders AS (
    SELECT
        a.k,
        t.n,
        max(a.at_border) AS monetary,
        min(a.monetary) FILTER (WHERE a.monetary > a.at_border) AS next,
        count(*) FILTER (WHERE a.monetary = a.at_border) AS c,
        a.k * t.n / 5 + 1 + max(a.b) FILTER (WHERE a.monetary = a.at_border) AS upto,
        (min(a.monetary) < max(a.at_border) OR min(a.b) > -10)
        AND (max(a.monetary) > max(a.at_border) OR max(a.b) < 10) AS all_seen
    FROM around AS a
    CROSS JOIN total AS t
    GROUP BY a.k, t.n
),

counted AS (
    SELECT
        b.k,
        b.n,
        b.monetary,
        b.next,
        b.all_seen,
        CASE
            WHEN b.all_seen THEN b.c
            ELSE (
                SELECT count(*) FROM pg_temp.summaries_shown AS s
                WHERE s.monetary = b.monetary
            )
        END AS c,
        CASE
            WHEN b.all_seen THEN b.upto
            ELSE (
                SELECT count(*) FROM pg_temp.summaries_shown AS s
                WHERE s.monetary <= b.monetary
            )
        END AS upto
    FROM borders AS b
),

sums AS (
    SELECT
        c.k,
        CASE
            WHEN 5 * (2 * c.upto - c.c) > 2 * c.k * c.n THEN c.monetary
            WHEN c.all_seen THEN c.next
            ELSE (
                SELECT min(s.monetary) FROM pg_temp.summaries_shown AS s
                WHERE s.monetary > c.monetary
            )
        END AS monetary
    FROM counted AS c
)

SELECT
    m.k,
    coalesce(m.monetary, 'infinity') AS monetary,
    coalesce((
        SELECT min(d.day) FROM days AS d
        WHERE 5 * (2 * d.upto - d.c) > 2 * m.k * t.n
    ), 'infinity') AS day,
    coalesce(
        (
            SELECT min(f.frequency) FROM numbers AS f
            WHERE 5 * (2 * f.upto - f.c) > 2 * m.k * t.n
        ), 2147483647
    ) AS frequency
FROM sums AS m
CROSS JOIN total AS t;

-- step: score
-- A score is one more than the number of bounds that the value has reached; bounds may be equal.
INSERT INTO models.rfm (
    run_id, customer_id, recency_days, frequency, monetary, first_order_on, last_order_on,
    recency_score, frequency_score, monetary_score, segment
)
SELECT
    %(run_id)s,
    s.customer_id,
    %(as_of)s::date - s.last_order_on,
    s.frequency,
    s.monetary,
    s.first_order_on,
    s.last_order_on,
    g.recency_score,
    g.frequency_score,
    g.monetary_score,
    g.segment
FROM pg_temp.summaries_shown AS s
INNER JOIN models.rfm_segment_rules AS g
    ON
        g.recency_score = 1 + width_bucket(
            s.last_order_on, (SELECT array_agg(b.day ORDER BY b.k) FROM pg_temp.score_bounds AS b)
        )
        AND g.frequency_score = 1 + width_bucket(
            s.frequency, (SELECT array_agg(b.frequency ORDER BY b.k) FROM pg_temp.score_bounds AS b)
        )
        AND g.monetary_score = 1 + width_bucket(
            s.monetary, (SELECT array_agg(b.monetary ORDER BY b.k) FROM pg_temp.score_bounds AS b)
        );
