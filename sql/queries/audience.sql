-- Statements of campaigns.audience: which names there are, and what a condition would select.

-- name: segment_words
SELECT DISTINCT r.segment
FROM models.rfm_segment_rules AS r
ORDER BY r.segment;

-- name: campaign_words
SELECT DISTINCT p.campaign
FROM activation.plans AS p
ORDER BY p.campaign;

-- name: event_is_known
SELECT t.event_type
FROM core.event_types AS t
WHERE t.event_type = %(word)s;

-- name: event_words
SELECT t.event_type
FROM core.event_types AS t
ORDER BY t.event_type
LIMIT 2000;

-- name: product_word_is_known
-- Capitals or not is all the same, as in include/recommendations.yaml.
SELECT %(word)s::text AS word
WHERE EXISTS (
    SELECT FROM marts.products AS p
    WHERE
        lower(%(word)s) = lower(
            CASE %(kind)s
                WHEN 'category' THEN p.category
                WHEN 'department' THEN p.department
                WHEN 'brand' THEN p.brand
                ELSE p.product_ref
            END
        )
);

-- name: product_words_like
-- Those that begin alike, and those of about the same length: what a slip of the pen could have been.
WITH words AS (
    SELECT DISTINCT
        CASE %(kind)s
            WHEN 'category' THEN p.category
            WHEN 'department' THEN p.department
            WHEN 'brand' THEN p.brand
            ELSE p.product_ref
        END AS word
    FROM marts.products AS p
)

SELECT w.word
FROM words AS w
WHERE w.word IS NOT NULL
ORDER BY lower(left(w.word, 2)) <> lower(left(%(word)s::text, 2)), abs(length(w.word) - length(%(word)s::text)), w.word
LIMIT 500;

-- name: customers_count
SELECT count(*) FROM marts.customer_360;
