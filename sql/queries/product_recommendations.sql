-- Statements of the model `product_recommendations`: what is sold, who buys, and what lay in which basket.

-- name: products
SELECT
    c.product_id,
    c.product_type,
    c.category,
    coalesce(c.manufacturer_ref, c.brand) AS brand,
    c.department,
    p.product_name AS name,
    p.is_recommendable
FROM core.products AS c
INNER JOIN marts.products AS p ON c.product_id = p.product_id
ORDER BY c.product_id;

-- name: customers
-- All that are there, real, and one of their own. Packed, see warehouse.fetch_integers.
SELECT string_agg(int8send(c.customer_id), ''::bytea ORDER BY c.customer_id) AS packed
FROM core.customers AS c
WHERE c.merged_into IS NULL AND NOT c.is_deleted AND NOT c.is_test;

-- name: segments
-- Which segment each was in at the end of a day.
SELECT
    m.customer_id,
    m.segment
FROM models.segment_memberships AS m
WHERE m.entered_on <= %(day)s::date AND (m.left_on IS NULL OR m.left_on > %(day)s::date);

-- name: lines
-- What lay in which basket of some customers, each product once. How much of it does not count: quantities may be weights
-- or litres. Packed.
SELECT
    string_agg(
        int8send(o.customer_id) || int8send(p.product_id) || int8send(o.order_id)
        || int8send((%(as_of)s::date - o.ordered_on)::bigint),
        ''::bytea
    ) AS packed
FROM unnest(%(customers)s::bigint[]) AS w (customer_id)
INNER JOIN core.orders AS o ON w.customer_id = o.customer_id
INNER JOIN core.baskets AS b ON o.order_id = b.order_id
CROSS JOIN LATERAL (SELECT DISTINCT unnest(b.product_refs) AS product_ref) AS l
INNER JOIN core.products AS p ON o.source = p.source AND l.product_ref = p.external_id
WHERE
    o.kind = 'sale'
    AND o.ordered_on <= %(as_of)s::date
    AND o.ordered_on > %(as_of)s::date - %(window_days)s::integer
GROUP BY o.ordered_on;

-- name: segment_names
SELECT DISTINCT m.segment
FROM models.segment_memberships AS m
ORDER BY m.segment;

-- name: buyers
-- How many customers bought each product in the year until a day.
SELECT
    l.product_id,
    count(DISTINCT o.customer_id) AS buyers
FROM core.orders AS o
INNER JOIN core.order_lines AS l ON o.order_id = l.order_id
WHERE o.kind = 'sale' AND o.ordered_on <= %(as_of)s::date AND o.ordered_on > %(as_of)s::date - 365
GROUP BY l.product_id;

-- name: published
SELECT
    r.run_id,
    r.as_of,
    r.parameters,
    r.metrics
FROM models.published AS p
INNER JOIN models.runs AS r ON p.run_id = r.run_id
WHERE p.model = %(model)s;

-- name: changed
-- Whom anything was heard of since an earlier run, or who has no good list in it. Packed, see warehouse.fetch_integers.
WITH heard_of AS (
    SELECT h.key::bigint AS customer_id
    FROM ops.pending_changes AS h
    WHERE h.entity = 'customer' AND h.change_id > %(seen)s::bigint AND h.change_id <= %(newest)s::bigint
    UNION
    -- known then, and still to come
    SELECT o.customer_id
    FROM core.orders AS o
    WHERE o.ordered_on > %(earlier_as_of)s::date AND o.ordered_on <= %(as_of)s::date
    UNION
    SELECT c.customer_id
    FROM core.customers AS c
    WHERE
        NOT EXISTS (
            SELECT FROM models.product_recommendations AS r
            WHERE r.run_id = %(earlier)s::bigint AND r.customer_id = c.customer_id
        )
    UNION
    -- of a list of hers two of five or more may not be proposed any longer
    SELECT r.customer_id
    FROM models.product_recommendations AS r
    INNER JOIN marts.products AS p ON r.product_id = p.product_id
    WHERE r.run_id = %(earlier)s::bigint
    GROUP BY r.customer_id, r.list
    HAVING count(*) FILTER (WHERE NOT p.is_recommendable) * 5 >= count(*) * 2
)

SELECT string_agg(int8send(c.customer_id), ''::bytea ORDER BY c.customer_id) AS packed
FROM core.customers AS c
INNER JOIN heard_of AS h ON c.customer_id = h.customer_id
WHERE c.merged_into IS NULL AND NOT c.is_deleted AND NOT c.is_test;

-- name: carry_over
WITH carried AS (
    INSERT INTO models.product_recommendations (
        run_id, customer_id, list, rank, product_id, score, because_product_id, due_on, scored_in
    )
    SELECT
        %(run)s::bigint,
        r.customer_id,
        r.list,
        r.rank,
        r.product_id,
        r.score,
        r.because_product_id,
        r.due_on,
        r.scored_in
    FROM models.product_recommendations AS r
    INNER JOIN core.customers AS c ON r.customer_id = c.customer_id
    WHERE
        r.run_id = %(earlier)s::bigint
        AND c.merged_into IS NULL
        AND NOT c.is_deleted
        AND NOT c.is_test
        AND NOT EXISTS (
            SELECT FROM unnest(%(scored)s::bigint[]) AS s (customer_id)
            WHERE s.customer_id = r.customer_id
        )
    RETURNING list
)

SELECT
    w.list,
    count(*) AS rows_carried
FROM carried AS w
GROUP BY w.list;
