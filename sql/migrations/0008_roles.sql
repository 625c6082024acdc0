-- Who may do what. The roles exist already (`marketflow bootstrap`, by a superuser); the owner runs migrations and transforms.
GRANT USAGE ON SCHEMA ops TO marketflow_loader, marketflow_sender, marketflow_analyst;
GRANT USAGE ON SCHEMA raw TO marketflow_loader;
GRANT USAGE ON SCHEMA core TO marketflow_sender, marketflow_edge;
GRANT USAGE ON SCHEMA privacy TO marketflow_sender, marketflow_edge;
GRANT USAGE ON SCHEMA activation TO marketflow_sender, marketflow_edge;
GRANT USAGE ON SCHEMA marts TO marketflow_sender, marketflow_audience, marketflow_analyst;
GRANT USAGE ON SCHEMA models TO marketflow_analyst;

-- loader: takes files into raw
GRANT SELECT, INSERT, DELETE ON ALL TABLES IN SCHEMA raw TO marketflow_loader;
GRANT SELECT, INSERT, UPDATE ON ops.loads, ops.landing_files TO marketflow_loader;
GRANT DELETE ON ops.loads TO marketflow_loader; -- only a load without any file: the foreign keys see to that
GRANT SELECT, INSERT ON ops.quarantine, ops.quality_results TO marketflow_loader;

-- sender: moves the ledger, reads the one address that it writes to
GRANT SELECT ON activation.sends TO marketflow_sender;
GRANT UPDATE (
    state, reason, claim_token, lease_until, send_after, attempts, claimed_at, sending_at, settled_at
) ON activation.sends TO marketflow_sender;
GRANT SELECT ON activation.plans, activation.campaign_states TO marketflow_sender;
GRANT SELECT ON core.contact_points, privacy.consents, privacy.suppressions TO marketflow_sender;
GRANT SELECT (customer_id, given_name, locale) ON core.customers TO marketflow_sender;
GRANT INSERT ON privacy.suppressions TO marketflow_sender;
GRANT SELECT ON ALL TABLES IN SCHEMA marts TO marketflow_sender;
GRANT SELECT ON ops.table_freshness TO marketflow_sender;

-- audience reader: evaluates predicates that marketers wrote
GRANT SELECT ON ALL TABLES IN SCHEMA marts TO marketflow_audience;

-- analyst: the documented tables, none with personal data
GRANT SELECT ON ALL TABLES IN SCHEMA marts TO marketflow_analyst;
GRANT SELECT ON models.runs, models.published TO marketflow_analyst;
GRANT SELECT ON ops.table_freshness, ops.loads, ops.quality_results TO marketflow_analyst;
ALTER DEFAULT PRIVILEGES IN SCHEMA marts GRANT SELECT ON TABLES TO marketflow_analyst, marketflow_audience, marketflow_sender;

-- edge: the service that faces the internet; records an unsubscription and nothing else
GRANT SELECT (send_id, contact_point_id, channel, purpose) ON activation.sends TO marketflow_edge;
GRANT SELECT (contact_point_id, channel, address_hash) ON core.contact_points TO marketflow_edge;
GRANT INSERT ON privacy.consent_events, privacy.suppressions TO marketflow_edge;
GRANT SELECT, INSERT, UPDATE (granted, changed_at) ON privacy.consents TO marketflow_edge;
