-- Statements of the room `recommenders`.

-- name: unknown_products
SELECT count(*)
FROM core.products AS c
WHERE NOT EXISTS (
    SELECT FROM marts.products AS p
    WHERE p.product_id = c.product_id
);

-- name: read_purchases
-- What lay in which basket, of products that may be proposed; 0 stands for guests. Packed, see warehouse.fetch_integers.
SELECT
    string_agg(
        int8send(l.order_id) || int8send(coalesce(o.customer_id, 0)) || int8send(l.product_id)
        || int8send((%(as_of)s::date - o.ordered_on)::bigint),
        ''::bytea
    ) AS packed
FROM core.orders AS o
INNER JOIN core.order_lines AS l ON o.order_id = l.order_id
INNER JOIN marts.products AS p ON l.product_id = p.product_id
WHERE
    p.is_recommendable
    AND o.kind = 'sale'
    AND o.ordered_on <= %(as_of)s::date
    AND o.ordered_on > %(as_of)s::date - %(basket_days)s::integer
GROUP BY o.ordered_on;

-- name: read_orders
-- Age in days of every order, with or without products that may be proposed: what shares of baskets are of. Packed.
SELECT string_agg(int8send((%(as_of)s::date - o.ordered_on)::bigint), ''::bytea) AS packed
FROM core.orders AS o
WHERE o.kind = 'sale' AND o.ordered_on <= %(as_of)s::date AND o.ordered_on > %(as_of)s::date - %(basket_days)s::integer
GROUP BY o.ordered_on;

-- name: read_customers
-- Packed.
SELECT string_agg(int8send(c.customer_id), ''::bytea ORDER BY c.customer_id) AS packed
FROM core.customers AS c
WHERE c.merged_into IS NULL;

-- name: read_kinds
-- Products of the same name are of one kind: other sizes, brands or suppliers. Packed.
SELECT string_agg(int8send(k.product_id) || int8send(k.kind), ''::bytea) AS packed
FROM (
    SELECT
        p.product_id,
        dense_rank() OVER (ORDER BY p.product_name) AS kind
    FROM marts.products AS p
    WHERE p.is_recommendable
) AS k;

-- name: write_rules
COPY models.association_rules (run_id, antecedents, consequents, support, confidence, lift, baskets) FROM STDIN;

-- name: write_recommendations
COPY models.product_recommendations (run_id, customer_id, rank, product_id, score, because_product_id) FROM STDIN;
