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

-- name: explained_members
-- Ten of them, the same ones each time.
SELECT
    a.customer_id,
    u.given_name,
    c.segment,
    c.orders,
    c.last_order_on,
    c.country
FROM pg_temp.plan_audience AS a
INNER JOIN marts.customer_360 AS c ON a.customer_id = c.customer_id
INNER JOIN core.customers AS u ON a.customer_id = u.customer_id
ORDER BY md5(a.customer_id::text), a.customer_id
LIMIT %(members)s;

-- name: numbers_of_person
-- All numbers that she has or had: the one given, the one that it became, and those that became that one.
SELECT o.customer_id
FROM core.customers AS c
INNER JOIN core.customers AS o
    ON coalesce(c.merged_into, c.customer_id) IN (o.customer_id, o.merged_into)
WHERE c.customer_id = %(customer_id)s
ORDER BY o.merged_into IS NOT NULL, o.customer_id;

-- name: plans_of_person
SELECT
    m.plan_id,
    m.occasion,
    m.definition_version,
    m.is_dry_run,
    m.plan_state,
    m.outcome,
    m.send_state,
    m.send_reason,
    m.sent_at
FROM marts.campaign_members AS m
WHERE m.campaign = %(campaign)s AND m.customer_id = any(%(customer_ids)s::bigint[])
ORDER BY m.plan_id DESC, m.occasion ASC
LIMIT 20;

-- name: newest_plan
-- The newest that could send; a dry run only where there is nothing else. Plans of test messages have no members.
SELECT
    p.plan_id,
    p.occasion,
    p.state,
    p.is_dry_run,
    p.definition -> 'campaign' -> 'audience' ->> 'where' AS rule
FROM activation.plans AS p
WHERE p.campaign = %(campaign)s AND p.reason IS DISTINCT FROM 'test_addresses'
ORDER BY p.is_dry_run ASC, p.plan_id DESC
LIMIT 1;
