-- check: states_do_not_add_up (stop)
SELECT count(*)
FROM marts.campaign_performance AS m
WHERE m.planned <> m.sent + m.failed + m.unknown + m.waiting + m.skipped + m.ended_unsent;

-- check: several_currencies_in_one_sum (warn)
SELECT greatest(count(DISTINCT o.currency) - 1, 0)
FROM core.all_orders AS o
INNER JOIN activation.sends AS s ON o.customer_id = s.customer_id AND o.ordered_at > s.settled_at
WHERE s.state = 'sent' AND s.purpose <> 'post';
