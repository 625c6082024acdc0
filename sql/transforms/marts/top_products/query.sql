-- step: replace
-- The last complete week ends on the last Sunday that is not after the business day (weeks of ISO 8601).
DELETE FROM marts.top_products AS m
WHERE m.week_ending_on = %(as_of)s::date - mod(extract(ISODOW FROM %(as_of)s::date)::integer, 7);

-- step: rank
-- By customers, not by pieces: quantities may be weights or litres, and one household may fill a cellar. Of several
-- products with one name the best is named.
WITH week AS (
    SELECT %(as_of)s::date - mod(extract(ISODOW FROM %(as_of)s::date)::integer, 7) AS ends_on
),

sold AS (
    SELECT
        l.product_id,
        count(DISTINCT o.customer_id) AS customers,
        sum(l.amount) AS revenue
    FROM week AS w
    INNER JOIN core.orders AS o ON o.ordered_on > w.ends_on - 7 AND w.ends_on >= o.ordered_on AND o.kind = 'sale'
    INNER JOIN core.order_lines AS l ON o.order_id = l.order_id
    GROUP BY l.product_id
),

named AS (
    SELECT DISTINCT ON (p.product_name)
        s.product_id,
        p.product_name,
        s.customers,
        s.revenue
    FROM sold AS s
    INNER JOIN marts.products AS p ON s.product_id = p.product_id
    WHERE p.is_recommendable
    ORDER BY p.product_name ASC, s.customers DESC, s.revenue DESC, s.product_id ASC
),

ranked AS (
    SELECT
        n.product_id,
        n.product_name,
        n.customers,
        n.revenue,
        row_number() OVER (ORDER BY n.customers DESC, n.revenue DESC, n.product_id ASC) AS rank
    FROM named AS n
)

INSERT INTO marts.top_products (week_ending_on, rank, product_id, product_name, customers, revenue)
SELECT
    w.ends_on,
    r.rank,
    r.product_id,
    r.product_name,
    r.customers,
    r.revenue
FROM ranked AS r
CROSS JOIN week AS w
WHERE r.rank <= 20
ORDER BY r.rank;
