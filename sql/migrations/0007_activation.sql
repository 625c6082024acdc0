-- activation: plans, the ledger of messages, and the switches that the sending statements read.
CREATE TABLE activation.campaign_states (
    campaign text PRIMARY KEY,
    is_paused boolean NOT NULL,
    changed_at timestamptz NOT NULL,
    changed_by text NOT NULL
);
COMMENT ON TABLE activation.campaign_states IS 'Mirror of each campaign DAG''s switch; a campaign without a row may send';

CREATE TABLE activation.plans (
    plan_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    campaign text NOT NULL,
    occasion text NOT NULL,
    channel text NOT NULL,
    definition_version text NOT NULL,
    definition jsonb NOT NULL,
    is_dry_run boolean NOT NULL,
    state text NOT NULL CHECK (state IN ('planned', 'approved', 'rejected', 'released', 'refused')),
    business_date date NOT NULL,
    audience_size integer NOT NULL DEFAULT 0,
    planned integer NOT NULL DEFAULT 0,
    refusals jsonb NOT NULL DEFAULT '{}',
    samples jsonb NOT NULL DEFAULT '[]',
    reason text,
    planned_at timestamptz NOT NULL,
    decided_by text,
    decided_at timestamptz,
    released_at timestamptz
);
CREATE INDEX plans_campaign ON activation.plans (campaign, occasion);

CREATE TABLE activation.plan_members (
    plan_id bigint NOT NULL REFERENCES activation.plans ON DELETE CASCADE,
    customer_id bigint,
    contact_point_id bigint,
    outcome text NOT NULL,
    UNIQUE (plan_id, customer_id)
);
COMMENT ON TABLE activation.plan_members IS 'The frozen audience of a plan: who was planned, and who was refused for which reason';
COMMENT ON COLUMN activation.plan_members.customer_id IS 'Null for an account of the shop''s own (social posts)';

CREATE TABLE activation.sends (
    send_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    campaign text NOT NULL,
    occasion text NOT NULL,
    contact_point_id bigint NOT NULL REFERENCES core.contact_points,
    channel text NOT NULL,
    step integer NOT NULL DEFAULT 0,
    plan_id bigint NOT NULL REFERENCES activation.plans,
    customer_id bigint,
    purpose text NOT NULL,
    state text NOT NULL DEFAULT 'planned' CHECK (
        state IN (
            'planned', 'released', 'claimed', 'sending', 'sent', 'failed', 'unknown',
            'deferred', 'skipped', 'cancelled', 'expired'
        )
    ),
    reason text,
    priority integer NOT NULL DEFAULT 100,
    send_after timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    attempts integer NOT NULL DEFAULT 0,
    definition_version text NOT NULL,
    content jsonb NOT NULL DEFAULT '{}',
    message_id text NOT NULL UNIQUE,
    claim_token uuid,
    lease_until timestamptz,
    planned_at timestamptz NOT NULL,
    released_at timestamptz,
    claimed_at timestamptz,
    sending_at timestamptz,
    settled_at timestamptz,
    is_simulated boolean NOT NULL DEFAULT false,
    is_test boolean NOT NULL DEFAULT false,
    UNIQUE (campaign, occasion, contact_point_id, channel, step),
    CHECK ((state IN ('claimed', 'sending')) <= (claim_token IS NOT null AND lease_until IS NOT null)),
    CHECK ((state IN ('skipped', 'failed', 'deferred', 'unknown')) <= (reason IS NOT null))
);
COMMENT ON TABLE activation.sends IS 'The ledger: one row per campaign, occasion, contact point, channel and step, whatever happens to it';
COMMENT ON COLUMN activation.sends.occasion IS 'The business day, the event''s id or the journey visit; never an Airflow run id';
COMMENT ON COLUMN activation.sends.content IS 'Ids of what the message shows (products); never personal data, never text';
COMMENT ON COLUMN activation.sends.reason IS 'Why it is skipped, failed, deferred or unknown: a code, never a server''s words';
-- What a sender looks for; small, because settled rows leave it.
CREATE INDEX sends_due ON activation.sends (channel, priority, send_after, send_id) WHERE state IN ('released', 'deferred');
-- What the sweeper looks for: leases that ran out, and what is too late.
CREATE INDEX sends_leased ON activation.sends (lease_until) WHERE state IN ('claimed', 'sending');
CREATE INDEX sends_expiring ON activation.sends (expires_at) WHERE state IN ('released', 'deferred');
CREATE INDEX sends_contact_point ON activation.sends (contact_point_id);
CREATE INDEX sends_plan ON activation.sends (plan_id);
