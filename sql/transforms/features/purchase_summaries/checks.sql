-- check: orders_outside_the_window (stop)
SELECT count(*)
FROM features.purchase_summaries AS f
CROSS JOIN features.purchase_windows AS w
WHERE f.frequency < 1 OR f.last_order_on > w.as_of OR f.first_order_on <= w.as_of - w.window_days;

-- check: orders_without_a_rate (warn)
SELECT coalesce(sum(p.without_rate), 0)
FROM pg_temp.purchases AS p;
