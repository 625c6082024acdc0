-- check: message_of_no_plan (warn)
SELECT count(*)
FROM marts.campaign_sends AS m
WHERE
    m.planned_at IS NULL OR NOT EXISTS (
        SELECT FROM activation.plans AS p
        WHERE p.plan_id = m.plan_id
    );
