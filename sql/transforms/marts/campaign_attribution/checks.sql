-- check: models_do_not_add_up_alike (stop)
SELECT coalesce(max(s.orders) <> min(s.orders) OR max(s.revenue) <> min(s.revenue), FALSE)::integer
FROM (
    SELECT
        sum(m.orders) AS orders,
        sum(m.revenue) AS revenue
    FROM marts.campaign_attribution AS m
    GROUP BY m.basis, m.model
) AS s;

-- check: more_shared_out_than_was_placed (stop)
SELECT count(*)
FROM marts.campaign_attribution AS m
WHERE m.orders < 0 OR (m.campaign = '(none)' AND m.orders <> trunc(m.orders));
