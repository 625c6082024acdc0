-- Statements of the rules that are mined from baskets.

-- name: lines
-- What lay in which basket, of products that may be recommended. Packed, see warehouse.fetch_integers.
SELECT string_agg(int8send(l.order_id) || int8send(l.product_id), ''::bytea) AS packed
FROM core.orders AS o
INNER JOIN core.order_lines AS l ON o.order_id = l.order_id
INNER JOIN marts.products AS p ON l.product_id = p.product_id
WHERE
    p.is_recommendable
    AND o.kind = 'sale'
    AND o.ordered_on <= %(as_of)s::date
    AND o.ordered_on > %(as_of)s::date - %(basket_days)s::integer
GROUP BY o.ordered_on;

-- name: orders
-- With or without products that may be recommended: what shares of baskets are of.
SELECT count(*) AS orders
FROM core.orders AS o
WHERE o.kind = 'sale' AND o.ordered_on <= %(as_of)s::date AND o.ordered_on > %(as_of)s::date - %(basket_days)s::integer;

-- name: catalogue
SELECT
    c.product_id,
    c.product_type,
    c.category
FROM core.products AS c
INNER JOIN marts.products AS p ON c.product_id = p.product_id
WHERE p.is_recommendable
ORDER BY c.product_id;
