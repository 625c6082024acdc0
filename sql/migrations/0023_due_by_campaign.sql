-- What is due, campaign by campaign: a campaign with a million messages that stands still is passed over in one step, not in a million.
DROP INDEX activation.sends_due;
CREATE INDEX sends_due ON activation.sends (channel, campaign, priority, send_after, send_id)
WHERE state IN ('released', 'deferred');
