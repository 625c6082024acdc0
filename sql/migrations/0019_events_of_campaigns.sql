-- Which events a campaign has dealt with, so that one run takes all that are new, however late they arrive.
CREATE TABLE activation.event_watermarks (
    campaign text PRIMARY KEY,
    started_on date NOT NULL,
    taken_until timestamptz NOT NULL,
    plan_id bigint NOT NULL REFERENCES activation.plans
);
COMMENT ON TABLE activation.event_watermarks IS 'From which day a campaign that events start takes them, and when it took them last';
COMMENT ON COLUMN activation.event_watermarks.started_on IS 'The business day of its first plan: what happened before it starts nothing';

-- A time alone would lose what arrives late: these are the events themselves, as long as they can still be taken.
CREATE TABLE activation.taken_events (
    campaign text NOT NULL,
    customer_id bigint NOT NULL,
    occasion text NOT NULL,
    occasion_on date NOT NULL,
    occurred_at timestamptz NOT NULL,
    outcome text NOT NULL,
    plan_id bigint NOT NULL REFERENCES activation.plans,
    PRIMARY KEY (campaign, customer_id, occasion)
);
COMMENT ON TABLE activation.taken_events IS 'Events that a plan has judged; a campaign takes each once';
COMMENT ON COLUMN activation.taken_events.outcome IS 'What the plan said; superseded: the same customer had a newer event in that plan';
CREATE INDEX taken_events_days ON activation.taken_events (campaign, occasion_on);
-- a plan is deleted with its members; these hold on to it
CREATE INDEX taken_events_plan ON activation.taken_events (plan_id);
-- per_day counts what was planned today
CREATE INDEX sends_planned ON activation.sends (campaign, planned_at);
-- who registered when, among all that was done
CREATE INDEX events_signed_up ON core.events (occurred_on)
WHERE event_type IN ('signed_up', 'sign_up', 'signup', 'user_signed_up', 'account_created', 'registered');
