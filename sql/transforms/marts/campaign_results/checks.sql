-- check: more_than_was_sent (stop)
SELECT count(*)
FROM marts.campaign_results AS m
WHERE
    m.sent > m.planned OR m.delivered + m.bounced_hard + m.bounced_soft <> m.sent OR m.buyers > m.people
    OR m.buyers > m.orders OR m.opened + m.opened_by_proxy > m.sent OR m.clicked + m.clicked_by_scanner > m.sent;

-- check: steps_are_not_all (stop)
SELECT count(*)
FROM (
    SELECT m.campaign
    FROM marts.campaign_results AS m
    WHERE m.breakdown IN ('all', 'step')
    GROUP BY m.campaign, m.channel
    HAVING
        sum(m.sent) FILTER (WHERE m.breakdown = 'all') <> sum(m.sent) FILTER (WHERE m.breakdown = 'step')
) AS s;

-- check: costs_in_another_currency (warn)
SELECT count(DISTINCT p.campaign)
FROM activation.plans AS p
WHERE
    p.definition -> 'campaign' -> 'budget' ->> 'cost_per_message' IS NOT NULL
    AND p.definition -> 'campaign' -> 'budget' ->> 'currency' <> %(base_currency)s;
