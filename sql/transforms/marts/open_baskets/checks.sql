-- check: nobody_s_basket (stop)
SELECT count(*)
FROM marts.open_baskets AS m
WHERE
    NOT EXISTS (
        SELECT FROM core.customers AS c
        WHERE c.customer_id = m.customer_id AND c.merged_into IS NULL
    );

-- check: older_than_two_weeks (stop)
SELECT count(*)
FROM marts.open_baskets AS m
WHERE m.added_at < %(now)s::timestamptz - interval '14 days';
