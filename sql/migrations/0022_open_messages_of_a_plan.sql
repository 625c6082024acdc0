-- Which messages of a plan are in which state, so that a cancellation finds those that are left, whatever else was sent.
DROP INDEX activation.sends_plan;
CREATE INDEX sends_plan ON activation.sends (plan_id, state);
