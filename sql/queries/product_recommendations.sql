-- Statements of the model `product_recommendations`: what is sold, who buys, and what lay in which basket.

-- name: products
SELECT
    c.product_id,
    c.product_type AS "type",
    c.category,
    coalesce(c.manufacturer_ref, c.brand) AS brand,
    c.department,
    p.product_name AS name,
    p.is_recommendable
FROM core.products AS c
INNER JOIN marts.products AS p ON c.product_id = p.product_id
ORDER BY c.product_id;

-- name: customers
-- All that are one of their own. Packed, see warehouse.fetch_integers.
SELECT string_agg(int8send(c.customer_id), ''::bytea ORDER BY c.customer_id) AS packed
FROM core.customers AS c
WHERE c.merged_into IS NULL;

-- name: segments
-- Which segment each was in at the end of a day.
SELECT
    m.customer_id,
    m.segment
FROM models.segment_memberships AS m
WHERE m.entered_on <= %(day)s::date AND (m.left_on IS NULL OR m.left_on > %(day)s::date);

-- name: lines
-- What lay in which basket, each product once: of customers in a range of numbers, or of those of them whose number falls
-- below `kept` of 1,000,003 when scattered. How much of it does not count: quantities may be weights or litres. Packed.
SELECT
    string_agg(
        int8send(o.customer_id) || int8send(p.product_id) || int8send(o.order_id)
        || int8send((%(as_of)s::date - o.ordered_on)::bigint),
        ''::bytea
    ) AS packed
FROM core.orders AS o
INNER JOIN core.baskets AS b ON o.order_id = b.order_id
CROSS JOIN LATERAL (SELECT DISTINCT unnest(b.product_refs) AS product_ref) AS l
INNER JOIN core.products AS p ON o.source = p.source AND l.product_ref = p.external_id
WHERE
    o.kind = 'sale'
    AND o.customer_id BETWEEN %(low)s::bigint AND %(high)s::bigint
    AND mod(mod(o.customer_id, 1000003) * 618034, 1000003) < %(kept)s::bigint
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
