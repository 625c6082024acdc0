-- Who a plan chose has the message that this plan wrote. A plan that was rejected, or whose run died, showed the message of the plan
-- that came after it: its rows went over to that one. Who was refused still sees the message about this occasion, which may be why.
CREATE OR REPLACE VIEW marts.campaign_members AS
SELECT
    m.plan_id,
    p.campaign,
    m.occasion,
    p.channel,
    m.customer_id,
    p.business_date,
    p.is_dry_run,
    p.definition_version,
    p.definition -> 'campaign' -> 'audience' ->> 'where' AS rule,
    p.state AS plan_state,
    p.planned_at,
    m.outcome,
    s.send_id,
    s.state AS send_state,
    s.reason AS send_reason,
    CASE WHEN s.state = 'sent' THEN s.settled_at END AS sent_at
FROM activation.plan_members AS m
INNER JOIN activation.plans AS p ON m.plan_id = p.plan_id
LEFT JOIN activation.sends AS s
    ON
        p.campaign = s.campaign AND m.occasion = s.occasion AND m.contact_point_id = s.contact_point_id
        AND p.channel = s.channel AND s.step = 0 AND NOT p.is_dry_run
        AND (m.outcome <> 'planned' OR m.plan_id = s.plan_id);
