-- check: planned_without_a_message (warn)
-- Of whichever plan: one that chose fewer may have taken it over.
SELECT count(*)
FROM activation.plan_members AS m
INNER JOIN activation.plans AS p ON m.plan_id = p.plan_id
WHERE
    p.state = 'released' AND m.outcome = 'planned' AND NOT p.is_dry_run
    AND NOT EXISTS (
        SELECT FROM activation.sends AS s
        WHERE
            s.campaign = p.campaign AND s.occasion = m.occasion AND s.contact_point_id = m.contact_point_id
            AND s.channel = p.channel AND s.step = p.step
    );
