-- check: planned_without_a_message (warn)
SELECT count(*)
FROM marts.campaign_members AS m
WHERE m.plan_state = 'released' AND m.outcome = 'planned' AND NOT m.is_dry_run AND m.send_id IS NULL;
