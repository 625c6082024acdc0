-- check: a_customer_twice_in_a_place (stop)
SELECT count(*)
FROM (
    SELECT
        m.campaign_id,
        m.customer_rank
    FROM marts.campaign_recommendations AS m
    GROUP BY m.campaign_id, m.customer_rank
    HAVING count(*) > 1
) AS t;

-- check: a_campaign_that_has_ended (stop)
SELECT count(DISTINCT m.campaign_id)
FROM marts.campaign_recommendations AS m
INNER JOIN core.campaigns AS c ON m.campaign_id = c.campaign_id
WHERE c.ends_on < %(as_of)s::date;
