-- check: order_after_the_day (stop)
SELECT count(*)
FROM features.purchase_summaries AS f
WHERE f.run_id = %(run_id)s AND (f.recency_days < 0 OR f.recency_days >= %(window_days)s::integer);

-- check: several_currencies_in_one_sum (warn)
SELECT greatest(count(DISTINCT o.currency) - 1, 0)
FROM core.orders AS o
WHERE o.ordered_on <= %(as_of)s::date AND o.ordered_on > %(as_of)s::date - %(window_days)s::integer;
