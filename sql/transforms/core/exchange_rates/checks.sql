-- check: rates_to_another_currency (warn)
-- They are kept, and convert nothing: the shop's own currency is another one.
SELECT count(*)
FROM raw.exchange_rates AS r
INNER JOIN merging_loads AS l ON r.load_id = l.load_id
WHERE r.base_currency <> %(base_currency)s;
