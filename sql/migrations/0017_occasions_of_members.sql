-- An event starts a campaign for one person, so a plan of many events has an occasion per member; and a switch has a reason.
ALTER TABLE activation.plan_members ADD COLUMN occasion text;
UPDATE activation.plan_members AS m
SET occasion = p.occasion
FROM activation.plans AS p
WHERE m.plan_id = p.plan_id;
ALTER TABLE activation.plan_members ALTER COLUMN occasion SET NOT NULL;
COMMENT ON COLUMN activation.plan_members.occasion IS 'What the message is about: the plan''s occasion, or for a campaign that events start the id of the member''s event';

ALTER TABLE activation.campaign_states ADD COLUMN reason text;
COMMENT ON COLUMN activation.campaign_states.reason IS 'Why it was switched off, where it was not a person''s switch: a code and figures in words';
