-- check: order_of_several_customers_or_currencies (warn)
SELECT count(*)
FROM (
    SELECT r.order_ref
    FROM raw.order_lines AS r
    WHERE r.load_id = any(%(load_ids)s::bigint[])
    GROUP BY r.order_ref, r.file_id
    HAVING min(r.customer_ref) <> max(r.customer_ref) OR min(r.currency) <> max(r.currency)
) AS s;
