-- privacy: consent as events, the current answer beside it, and whom nobody may write to.
CREATE TABLE privacy.consent_events (
    consent_event_id uuid PRIMARY KEY,
    contact_point_id bigint NOT NULL REFERENCES core.contact_points,
    channel text NOT NULL,
    purpose text NOT NULL,
    granted boolean NOT NULL,
    occurred_at timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL,
    how text NOT NULL,
    consent_text text,
    send_id bigint
);
COMMENT ON TABLE privacy.consent_events IS 'Append-only: who allowed or forbade what, when, how, and to which words';
CREATE INDEX consent_events_contact_point ON privacy.consent_events (contact_point_id);

CREATE TABLE privacy.consents (
    contact_point_id bigint NOT NULL REFERENCES core.contact_points,
    channel text NOT NULL,
    purpose text NOT NULL,
    granted boolean NOT NULL,
    changed_at timestamptz NOT NULL,
    PRIMARY KEY (contact_point_id, channel, purpose)
);
COMMENT ON TABLE privacy.consents IS 'The newest answer per contact point, channel and purpose; what the sending statement reads';

CREATE TABLE privacy.suppressions (
    channel text NOT NULL,
    address_hash bytea NOT NULL,
    reason text NOT NULL CHECK (reason IN ('unsubscribed', 'hard_bounce', 'complaint', 'manual', 'erased')),
    since timestamptz NOT NULL,
    PRIMARY KEY (channel, address_hash)
);
COMMENT ON TABLE privacy.suppressions IS 'Never write to these, whatever the consent says; keyed by hash, so that it outlives the erasure of the person';

CREATE TABLE privacy.audit_log (
    audit_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    happened_at timestamptz NOT NULL,
    actor text NOT NULL,
    action text NOT NULL,
    object text NOT NULL,
    records bigint NOT NULL
);
COMMENT ON TABLE privacy.audit_log IS 'Every reading or exporting of personal data by a person';
