-- check: real_order_has_its_number (stop)
SELECT count(*)
FROM core.simulated_orders AS s
INNER JOIN core.orders AS o ON s.order_id = o.order_id;

-- check: order_both_real_and_simulated (warn)
-- The source says of one number that it was placed and that it was made up.
SELECT count(*)
FROM core.simulated_orders AS s
INNER JOIN core.orders AS o ON s.source = o.source AND s.external_id = o.external_id;
