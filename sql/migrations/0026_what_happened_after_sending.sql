-- What people and machines did with a message, and which version of it a person got.

CREATE TABLE activation.tracking_events (
    event_id uuid PRIMARY KEY,
    send_id bigint NOT NULL REFERENCES activation.sends,
    campaign text NOT NULL,
    channel text NOT NULL,
    kind text NOT NULL CHECK (kind IN ('open', 'click', 'web_version')),
    url text,
    occurred_at timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL,
    verdict text NOT NULL CHECK (verdict IN ('person', 'proxy', 'scanner')),
    verdict_reason text,
    client text,
    network_hash bytea,
    is_simulated boolean NOT NULL DEFAULT FALSE,
    CHECK ((kind = 'click') = (url IS NOT NULL)),
    CHECK ((verdict = 'person') <= (verdict_reason IS NULL))
);
COMMENT ON TABLE activation.tracking_events IS
'Append-only, but for the verdict: each opening of a mail and each click in it, by people and by machines';
COMMENT ON COLUMN activation.tracking_events.event_id IS 'Made by the edge service when it took the request; one that is taken twice is one row';
COMMENT ON COLUMN activation.tracking_events.url IS 'Where the link leads, as the template has it; only of clicks';
COMMENT ON COLUMN activation.tracking_events.verdict IS
'person: nothing speaks against it; proxy: a mail service fetched the pictures for its users; scanner: a security program';
COMMENT ON COLUMN activation.tracking_events.verdict_reason IS 'Why it is not counted as a person''s, as a code; judged again when later events tell more';
COMMENT ON COLUMN activation.tracking_events.client IS 'Kind of program, such as apple_mail or chrome; never the whole user agent';
COMMENT ON COLUMN activation.tracking_events.network_hash IS 'Keyed hash of the network (/24, /48) that the request came from, never the address; emptied after 30 days';
CREATE INDEX tracking_events_send ON activation.tracking_events (send_id, kind);
CREATE INDEX tracking_events_time ON activation.tracking_events (occurred_at);
CREATE INDEX tracking_events_networks ON activation.tracking_events (occurred_at) WHERE network_hash IS NOT NULL;
CREATE INDEX tracking_events_campaign ON activation.tracking_events (campaign, kind);

ALTER TABLE activation.sends ADD COLUMN variant text;
COMMENT ON COLUMN activation.sends.variant IS 'The arm of the campaign''s experiment; empty without one';
ALTER TABLE activation.plan_members ADD COLUMN variant text;
COMMENT ON COLUMN activation.plan_members.variant IS
'The arm of the campaign''s experiment; of those whom it holds out (outcome experiment_holdout) it is holdout; empty without one';

CREATE OR REPLACE VIEW marts.campaign_sends AS
SELECT
    s.send_id,
    s.campaign,
    s.occasion,
    s.channel,
    s.step,
    s.plan_id,
    -- the ledger keeps the customer that it was planned for, who may have turned out to be another one since
    coalesce(c.merged_into, s.customer_id) AS customer_id,
    s.purpose,
    s.definition_version,
    s.state,
    s.reason,
    s.attempts,
    s.planned_at,
    s.released_at,
    CASE WHEN s.state = 'sent' THEN s.settled_at END AS sent_at,
    s.is_test,
    s.variant
FROM activation.sends AS s
LEFT JOIN core.customers AS c ON s.customer_id = c.customer_id;
