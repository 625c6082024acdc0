-- The contact policy - how often, at what hours, whom never - and campaigns that a person pauses, resumes or cancels.
CREATE TABLE activation.contact_locks (
    person_id bigint PRIMARY KEY
);
COMMENT ON TABLE activation.contact_locks IS
'Whose messages are counted right now: a sender locks a person''s row before it looks at the frequency caps, so that two senders never count at once';
COMMENT ON COLUMN activation.contact_locks.person_id IS
'The customer (who is left of those who turned out to be one); for the shop''s own accounts the contact point''s number below zero';

-- What a person has got lately, newest first; and a plan's messages in an order that can be walked through in pieces.
CREATE INDEX sends_customer ON activation.sends (customer_id, sending_at) WHERE customer_id IS NOT NULL;
DROP INDEX activation.sends_plan;
CREATE INDEX sends_plan ON activation.sends (plan_id, send_id);

-- The name itself where PostgreSQL knows it as the name of a time zone, else `fallback`. Records come from anywhere, and a server
-- may know fewer names than the one that they were checked on: a wrong one must not stop the statement that sends.
CREATE FUNCTION activation.known_zone(zone text, fallback text) RETURNS text
LANGUAGE sql STABLE
RETURN CASE
    WHEN
        zone ~ '^(UTC|GMT|[A-Z][A-Za-z]+/[A-Z][A-Za-z0-9_/+-]+)$'
        AND (zone !~ '^Etc/GMT[+-]' OR zone ~ '^Etc/GMT[+-]([0-9]|1[0-4])$')
        AND pg_input_is_valid('2000-01-01 00:00:00 ' || zone, 'timestamptz')
        THEN zone
    ELSE fallback
END;

-- When the quiet hours end in which `at` falls in that zone; null when it is not within them. They go over midnight when they end
-- earlier than they begin. An end that the clock leaves out in spring is the first minute after the gap.
CREATE FUNCTION activation.quiet_until(at timestamptz, zone text, quiet_from time, quiet_to time) RETURNS timestamptz
LANGUAGE sql STABLE
RETURN CASE
    WHEN
        quiet_from < quiet_to
        AND (at AT TIME ZONE zone)::time >= quiet_from AND (at AT TIME ZONE zone)::time < quiet_to
        THEN ((at AT TIME ZONE zone)::date + quiet_to) AT TIME ZONE zone
    WHEN quiet_from > quiet_to AND (at AT TIME ZONE zone)::time < quiet_to
        THEN ((at AT TIME ZONE zone)::date + quiet_to) AT TIME ZONE zone
    WHEN quiet_from > quiet_to AND (at AT TIME ZONE zone)::time >= quiet_from
        THEN ((at AT TIME ZONE zone)::date + 1 + quiet_to) AT TIME ZONE zone
END;

-- Who is never written to: a draw from 0 to below 1, the same for a person at all times and in all campaigns.
CREATE FUNCTION activation.draw(salt text, person_id bigint) RETURNS double precision
LANGUAGE sql IMMUTABLE
RETURN ('x' || left(md5(salt || ':' || person_id), 8))::bit(32)::bigint / 4294967296.0::double precision;

ALTER TABLE activation.plans DROP CONSTRAINT plans_state_check;
ALTER TABLE activation.plans ADD CONSTRAINT plans_state_check
CHECK (state IN ('planned', 'approved', 'rejected', 'released', 'refused', 'cancelled'));
ALTER TABLE activation.plans ADD COLUMN cancelled_by text;
ALTER TABLE activation.plans ADD COLUMN cancelled_at timestamptz;
COMMENT ON COLUMN activation.plans.cancelled_by IS 'Who stopped it for good';
COMMENT ON COLUMN activation.plans.cancelled_at IS 'When; nothing of it is begun after that';
CREATE INDEX plans_cancelled ON activation.plans (plan_id) WHERE state = 'cancelled';

-- Two people may stop a campaign, each in a way of his own; it goes on when both let it.
ALTER TABLE activation.campaign_states ADD COLUMN is_switched_off boolean NOT NULL DEFAULT FALSE;
ALTER TABLE activation.campaign_states ADD COLUMN is_held boolean NOT NULL DEFAULT FALSE;
UPDATE activation.campaign_states SET is_switched_off = is_paused;
COMMENT ON COLUMN activation.campaign_states.is_switched_off IS 'By the switch of its DAG';
COMMENT ON COLUMN activation.campaign_states.is_held IS 'By the form of control_campaign';
COMMENT ON TABLE activation.campaign_states IS 'Who has stopped which campaign; one without a row may send';

GRANT SELECT, INSERT, UPDATE ON activation.contact_locks TO marketflow_sender;
GRANT SELECT (merged_into, time_zone) ON core.customers TO marketflow_sender;
