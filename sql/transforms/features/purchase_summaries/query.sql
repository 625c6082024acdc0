-- step: by_index
-- The index has the orders by customer, with all that is summed. The planner would rather hash the rows, which takes four
-- times as long: it does not know that they lie far apart in the table.
SELECT
    set_config('enable_hashagg', 'off', TRUE) AS enable_hashagg,
    set_config('random_page_cost', '1.1', TRUE) AS random_page_cost;

-- step: forget_aside
DROP TABLE IF EXISTS pg_temp.purchases;

-- step: summarise
-- Who only brought something back within the window did not buy in it. What was brought back takes from the money.
CREATE TEMPORARY TABLE purchases ON COMMIT DROP AS
SELECT
    o.customer_id,
    (count(*) FILTER (WHERE o.kind = 'sale'))::integer AS frequency,
    coalesce(sum(o.base_revenue), 0)::numeric(14, 2) AS monetary,
    min(o.ordered_on) FILTER (WHERE o.kind = 'sale') AS first_order_on,
    max(o.ordered_on) FILTER (WHERE o.kind = 'sale') AS last_order_on,
    count(*) FILTER (WHERE o.base_revenue IS NULL) AS without_rate
FROM core.orders AS o
WHERE
    o.customer_id IS NOT NULL
    AND o.ordered_on <= %(as_of)s::date
    AND o.ordered_on > %(as_of)s::date - %(window_days)s::integer
GROUP BY o.customer_id
HAVING count(*) FILTER (WHERE o.kind = 'sale') > 0;

-- step: hash_again
SET LOCAL enable_hashagg TO DEFAULT;

-- step: pages_again
SET LOCAL random_page_cost TO DEFAULT;

-- step: replace
DELETE FROM features.purchase_summaries AS f
WHERE NOT %(aside)s;

-- step: keep
INSERT INTO features.purchase_summaries (customer_id, frequency, monetary, first_order_on, last_order_on)
SELECT
    p.customer_id,
    p.frequency,
    p.monetary,
    p.first_order_on,
    p.last_order_on
FROM pg_temp.purchases AS p
WHERE NOT %(aside)s;

-- step: note
INSERT INTO features.purchase_windows (as_of, window_days, customers)
SELECT
    %(as_of)s::date,
    %(window_days)s::integer,
    (SELECT count(*) FROM pg_temp.purchases) AS customers
WHERE NOT %(aside)s
ON CONFLICT (is_kept) DO UPDATE
    SET
        as_of = excluded.as_of,
        window_days = excluded.window_days,
        customers = excluded.customers;
