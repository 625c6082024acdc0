-- step: replace
-- The last complete week: it ends on the last Sunday that is not after the business day (ISO 8601).
DELETE FROM marts.top_products AS t
WHERE t.week_ending_on = %(as_of)s::date - extract(ISODOW FROM %(as_of)s::date)::integer %% 7;

-- step: fill
INSERT INTO marts.top_products (week_ending_on, rank, product_id, product_name, customers, revenue)
WITH week AS (
    SELECT %(as_of)s::date - extract(ISODOW FROM %(as_of)s::date)::integer %% 7 AS ends_on
),

sold AS (
    SELECT
        l.product_id,
        count(DISTINCT o.customer_id) AS customers,
        sum(l.amount) AS revenue
    FROM week AS w
    INNER JOIN core.order_lines AS l ON l.ordered_on BETWEEN w.ends_on - 6 AND w.ends_on
    INNER JOIN core.orders AS o ON l.order_id = o.order_id
    GROUP BY l.product_id
),

-- Several products may share a readable name; a list for people shows each name once.
named AS (
    SELECT DISTINCT ON (p.product_name)
        s.product_id,
        p.product_name,
        s.customers,
        s.revenue
    FROM sold AS s
    INNER JOIN marts.products AS p ON s.product_id = p.product_id
    WHERE p.is_recommendable AND s.customers > 0
    ORDER BY p.product_name, s.customers DESC, s.revenue DESC, s.product_id
)

SELECT
    w.ends_on,
    x.rank,
    x.product_id,
    x.product_name,
    x.customers,
    x.revenue
FROM (
    SELECT
        n.*,
        row_number() OVER (ORDER BY n.customers DESC, n.revenue DESC, n.product_id) AS rank
    FROM named AS n
) AS x
CROSS JOIN week AS w
WHERE x.rank <= 20;
