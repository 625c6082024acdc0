-- check: order_of_a_machine (stop)
SELECT count(*)
FROM marts.click_results AS m
WHERE m.clicked_at > %(now)s::timestamptz - interval '1 day' AND m.verdict <> 'person' AND m.orders > 0;
