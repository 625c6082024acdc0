-- step: replace
DELETE FROM features.purchase_summaries AS f
WHERE f.run_id = %(run_id)s;

-- step: summarise
INSERT INTO features.purchase_summaries (
    run_id, customer_id, recency_days, frequency, monetary, first_order_on, last_order_on
)
SELECT
    %(run_id)s,
    o.customer_id,
    %(as_of)s::date - max(o.ordered_on),
    count(*) AS frequency,
    sum(o.revenue) AS monetary,
    min(o.ordered_on) AS first_order_on,
    max(o.ordered_on) AS last_order_on
FROM core.orders AS o
WHERE
    o.customer_id IS NOT NULL
    AND o.ordered_on <= %(as_of)s::date
    AND o.ordered_on > %(as_of)s::date - %(window_days)s::integer
GROUP BY o.customer_id
ORDER BY o.customer_id;
