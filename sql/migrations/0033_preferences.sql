-- What a person chose on the preference page, and what the service that faces the internet needs to show it and the mail itself.

CREATE TABLE privacy.preference_events (
    preference_event_id uuid PRIMARY KEY,
    contact_point_id bigint NOT NULL REFERENCES core.contact_points,
    unwanted_topics text[] NOT NULL,
    max_messages integer,
    max_days integer,
    language text,
    occurred_at timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL,
    send_id bigint
);
COMMENT ON TABLE privacy.preference_events IS 'Append-only: what a person chose on the preference page, each time that something changed';
COMMENT ON COLUMN privacy.preference_events.occurred_at IS 'When the person asked for it; with the warehouse away it is recorded later';
COMMENT ON COLUMN privacy.preference_events.send_id IS 'The message whose link led there';
CREATE INDEX preference_events_contact_point ON privacy.preference_events (contact_point_id);

CREATE TABLE privacy.preferences (
    contact_point_id bigint PRIMARY KEY REFERENCES core.contact_points,
    unwanted_topics text[] NOT NULL DEFAULT '{}',
    max_messages integer CHECK (max_messages BETWEEN 1 AND 1000),
    max_days integer CHECK (max_days BETWEEN 1 AND 366),
    language text CHECK (language ~ '^[a-z]{2,3}$'),
    changed_at timestamptz NOT NULL,
    CHECK ((max_messages IS NULL) = (max_days IS NULL))
);
COMMENT ON TABLE privacy.preferences IS
'The newest choices per contact point; without a row there are none. Read at planning and right before a message goes';
COMMENT ON COLUMN privacy.preferences.unwanted_topics IS
'Topics of include/contact_policy.yaml of which no marketing may be sent; a topic that is new is wanted';
COMMENT ON COLUMN privacy.preferences.max_messages IS 'At most so many marketing messages to this contact point ...';
COMMENT ON COLUMN privacy.preferences.max_days IS '... within so many times 24 hours; both empty: as often as the contact policy allows';
COMMENT ON COLUMN privacy.preferences.language IS 'The language to write in, such as en or zh; empty: as the shop knows the customer';
COMMENT ON COLUMN activation.contact_locks.person_id IS
'The customer (who is left of those who turned out to be one); below zero the number of a contact point: of one of the shop''s own accounts, or of an address for which a maximum was chosen';

ALTER TABLE activation.plans ADD COLUMN topic text;
COMMENT ON COLUMN activation.plans.topic IS 'What the campaign is about, of the topics that people may choose from; empty: none';

-- Who wants mails again can say so on the preference page. That lifts what an unsubscription did, and nothing else: who bounced,
-- complained or was shut out stays out. A function, since the service may delete nothing itself.
CREATE FUNCTION privacy.lift_unsubscription(point_id bigint, asked_at timestamptz) RETURNS bigint
LANGUAGE sql
SECURITY DEFINER
SET search_path = ''
AS $$
    WITH lifted AS (
        DELETE FROM privacy.suppressions AS u
        USING core.contact_points AS p
        WHERE
            p.contact_point_id = point_id
            AND u.channel = p.channel AND u.address_hash = p.address_hash
            AND u.reason = 'unsubscribed' AND u.since < asked_at
        RETURNING 1
    )

    SELECT count(*) FROM lifted
$$;
-- Who unsubscribes again has said so then: what she said in between, and comes later, does not lift it. Other reasons stay as they are.
CREATE FUNCTION privacy.suppress_unsubscribed(point_id bigint, asked_at timestamptz) RETURNS bigint
LANGUAGE sql
SECURITY DEFINER
SET search_path = ''
AS $$
    WITH noted AS (
        INSERT INTO privacy.suppressions AS u (channel, address_hash, reason, since)
        SELECT
            p.channel,
            p.address_hash,
            'unsubscribed' AS reason,
            asked_at AS since
        FROM core.contact_points AS p
        WHERE p.contact_point_id = point_id
        ON CONFLICT (channel, address_hash) DO UPDATE
            SET since = excluded.since
            WHERE u.reason = 'unsubscribed' AND u.since < excluded.since
        RETURNING 1
    )

    SELECT count(*) FROM noted
$$;
-- All that the service needs to know of a suppression and of an address; it may read neither.
CREATE FUNCTION privacy.is_suppressed(point_id bigint) RETURNS boolean
LANGUAGE sql
STABLE
SECURITY DEFINER
SET search_path = ''
AS $$
    SELECT EXISTS (
        SELECT 1 FROM privacy.suppressions AS u
        INNER JOIN core.contact_points AS p ON u.channel = p.channel AND u.address_hash = p.address_hash
        WHERE p.contact_point_id = point_id
    )
$$;
CREATE FUNCTION privacy.has_address(point_id bigint) RETURNS boolean
LANGUAGE sql
STABLE
SECURITY DEFINER
SET search_path = ''
AS $$
    SELECT EXISTS (
        SELECT 1 FROM core.contact_points AS p
        WHERE p.contact_point_id = point_id AND octet_length(p.address) > 0
    )
$$;
REVOKE ALL ON FUNCTION
privacy.lift_unsubscription, privacy.suppress_unsubscribed, privacy.is_suppressed, privacy.has_address FROM public;
GRANT EXECUTE ON FUNCTION
privacy.lift_unsubscription, privacy.suppress_unsubscribed, privacy.is_suppressed, privacy.has_address TO marketflow_edge;

-- edge: the choices, and what the web version of a mail is made of; no address, no name
GRANT INSERT ON privacy.preference_events TO marketflow_edge;
GRANT SELECT, INSERT, UPDATE ON privacy.preferences TO marketflow_edge;
GRANT SELECT (contact_point_id, channel, purpose, granted, how, occurred_at) ON privacy.consent_events TO marketflow_edge;
GRANT SELECT (plan_id, customer_id, content, is_test, variant) ON activation.sends TO marketflow_edge;
GRANT SELECT (plan_id, definition, business_date) ON activation.plans TO marketflow_edge;
GRANT SELECT (customer_id, locale) ON core.customers TO marketflow_edge;
GRANT USAGE ON SCHEMA ops, marts TO marketflow_edge;
GRANT SELECT (product_id, product_name) ON marts.products TO marketflow_edge;

GRANT SELECT ON privacy.preferences TO marketflow_sender;
