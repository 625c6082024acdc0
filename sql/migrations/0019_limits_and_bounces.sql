-- Limits that all senders share, what became of messages after they were handed over, and who decided about unknown ones.

-- One row per thing that is limited; taking from it is one UPDATE of that row, so many senders cannot take the same twice.
CREATE TABLE activation.rate_budgets (
    scope text PRIMARY KEY,
    ready_at timestamptz NOT NULL,
    hour_slots integer[] NOT NULL DEFAULT '{}',
    hour_counts integer[] NOT NULL DEFAULT '{}',
    day_slots integer[] NOT NULL DEFAULT '{}',
    day_counts integer[] NOT NULL DEFAULT '{}',
    booked_at timestamptz NOT NULL,
    changed_at timestamptz NOT NULL
);
COMMENT ON TABLE activation.rate_budgets IS 'What was taken of each limit of include/delivery.yaml, by all senders together';
COMMENT ON COLUMN activation.rate_budgets.scope IS 'channel:<channel>, or domain:<channel>:<keyed hash of the domain>; no domain in clear';
COMMENT ON COLUMN activation.rate_budgets.ready_at IS 'Per second: the instant up to which the rate is used up';
COMMENT ON COLUMN activation.rate_budgets.hour_slots IS 'Per hour: the minutes (since 1970) in which something was taken';
COMMENT ON COLUMN activation.rate_budgets.hour_counts IS 'How many messages in each of these minutes';
COMMENT ON COLUMN activation.rate_budgets.day_slots IS 'Per day: the quarters of an hour (since 1970) in which something was taken';
COMMENT ON COLUMN activation.rate_budgets.day_counts IS 'How many messages in each of these quarters';
COMMENT ON COLUMN activation.rate_budgets.booked_at IS 'The latest time to which a message was put off because of this limit';

CREATE TABLE activation.delivery_events (
    event_id uuid PRIMARY KEY,
    send_id bigint NOT NULL REFERENCES activation.sends,
    campaign text NOT NULL,
    channel text NOT NULL,
    kind text NOT NULL CHECK (kind IN ('delivered', 'bounce_hard', 'bounce_soft', 'complaint')),
    occurred_at timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL,
    handed_over_at timestamptz NOT NULL,
    source text NOT NULL,
    code text
);
COMMENT ON TABLE activation.delivery_events IS 'Append-only: what was reported of a message after it was handed over; a report that comes twice is one row';
COMMENT ON COLUMN activation.delivery_events.event_id IS 'Made of the source and its own key of the report';
COMMENT ON COLUMN activation.delivery_events.handed_over_at IS 'When the message was handed over: shares are of what was sent in a window';
COMMENT ON COLUMN activation.delivery_events.code IS 'Enhanced status code (RFC 3463) or reply code; never a server''s words';
CREATE INDEX delivery_events_send ON activation.delivery_events (send_id);
CREATE INDEX delivery_events_bad ON activation.delivery_events (channel, handed_over_at)
WHERE kind IN ('bounce_hard', 'complaint');

-- What bounces and complaints are a share of. Senders add to it every few seconds; counting the ledger would be dear.
CREATE TABLE activation.delivery_counts (
    channel text NOT NULL,
    campaign text NOT NULL,
    counted_at timestamptz NOT NULL,
    answered bigint NOT NULL,
    PRIMARY KEY (channel, campaign, counted_at)
);
COMMENT ON TABLE activation.delivery_counts IS 'Messages that the other side took or refused for good, by minute';

CREATE TABLE activation.channel_states (
    channel text PRIMARY KEY,
    is_paused boolean NOT NULL,
    changed_at timestamptz NOT NULL,
    changed_by text NOT NULL,
    reason text
);
COMMENT ON TABLE activation.channel_states IS 'The switch of each channel; a channel without a row may send';

CREATE TABLE activation.unknown_decisions (
    decision_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    send_id bigint NOT NULL REFERENCES activation.sends,
    decision text NOT NULL CHECK (decision IN ('arrived', 'send_again', 'give_up')),
    decided_by text NOT NULL,
    decided_at timestamptz NOT NULL
);
COMMENT ON TABLE activation.unknown_decisions IS 'Append-only: who decided what about a message that was unknown, and when';
CREATE INDEX unknown_decisions_send ON activation.unknown_decisions (send_id);
CREATE INDEX sends_unknown ON activation.sends (sending_at) WHERE state = 'unknown';

ALTER TABLE privacy.suppressions DROP CONSTRAINT suppressions_reason_check;
ALTER TABLE privacy.suppressions ADD CONSTRAINT suppressions_reason_check CHECK (
    reason IN ('unsubscribed', 'hard_bounce', 'soft_bounces', 'complaint', 'manual', 'erased')
);

GRANT SELECT, INSERT, UPDATE, DELETE ON activation.rate_budgets, activation.delivery_counts TO marketflow_sender;
GRANT SELECT, INSERT ON activation.delivery_events, activation.unknown_decisions TO marketflow_sender;
GRANT SELECT, INSERT, UPDATE ON activation.campaign_states, activation.channel_states TO marketflow_sender;
-- who unsubscribed and then bounces is shut out of everything
GRANT UPDATE (reason, since) ON privacy.suppressions TO marketflow_sender;
