-- check: order_held_back (warn)
-- Of several customers or in several currencies: ops.findings names some.
SELECT count(*)
FROM order_versions AS v
WHERE v.has_several_customers OR v.has_several_currencies;
