-- Sources by configuration: a load is of one source and may hold several records; raw keeps the time of each version.
ALTER TABLE ops.loads ADD COLUMN system text NOT NULL DEFAULT 'shop';
ALTER TABLE ops.loads ALTER COLUMN system DROP DEFAULT;
ALTER TABLE ops.loads ADD COLUMN kind text NOT NULL DEFAULT 'files' CHECK (kind IN ('files', 'window', 'replay'));
ALTER TABLE ops.loads ADD COLUMN raw_forgotten_at timestamptz;
ALTER TABLE ops.loads ADD COLUMN raw_deleted_at timestamptz;
COMMENT ON COLUMN ops.loads.raw_forgotten_at IS 'Since when its rows in raw are no longer read, because they are old: they are deleted after that; core keeps what it made of them';
COMMENT ON COLUMN ops.loads.raw_deleted_at IS 'When the last of its rows in raw was deleted';
COMMENT ON COLUMN ops.loads.source IS 'The file include/sources/<source>.yaml by which the records were read';
COMMENT ON COLUMN ops.loads.system IS 'Whose numbers the records carry: several sources of one shop share a system, and with it their customers and orders';
COMMENT ON COLUMN ops.loads.record IS 'The first record of the source; ops.load_records has all of them';
COMMENT ON COLUMN ops.loads.kind IS 'files; window: rows of a SQL database between two watermarks; replay: rows from quarantine';
-- Until now all that was loaded came from one shop's exports, and each record was a source of its own.
UPDATE ops.loads SET source = record;
CREATE INDEX loads_source_state ON ops.loads (source, state); -- replaces loads_record_state: loads are looked for by source
DROP INDEX ops.loads_record_state;

CREATE TABLE ops.load_records (
    load_id bigint NOT NULL REFERENCES ops.loads,
    record text NOT NULL,
    records_loaded bigint NOT NULL,
    PRIMARY KEY (load_id, record)
);
COMMENT ON TABLE ops.load_records IS 'Rows that a load brought of each record; a line of a flat export may bring an order line and, once, its product and its customer';
INSERT INTO ops.load_records (load_id, record, records_loaded)
SELECT
    l.load_id,
    l.record,
    l.records_loaded
FROM ops.loads AS l
WHERE l.state <> 'loading';

ALTER TABLE ops.landing_files DROP CONSTRAINT landing_files_state_check;
ALTER TABLE ops.landing_files ADD CONSTRAINT landing_files_state_check CHECK (state IN ('loaded', 'refused', 'repeated'));
ALTER TABLE ops.landing_files ADD COLUMN header text[];
ALTER TABLE ops.landing_files ADD COLUMN object_version text;
ALTER TABLE ops.landing_files ADD COLUMN version_at timestamptz;
ALTER TABLE ops.landing_files ADD COLUMN window_from timestamptz;
ALTER TABLE ops.landing_files ADD COLUMN window_until timestamptz;
COMMENT ON COLUMN ops.landing_files.header IS 'The columns of the file or of the query, as found';
COMMENT ON COLUMN ops.landing_files.object_version IS 'What an object store calls this state of the object (ETag, generation): it need not be fetched again';
COMMENT ON COLUMN ops.landing_files.version_at IS 'As of when its records count that say no time of their own';
COMMENT ON COLUMN ops.landing_files.window_from IS 'Of a SQL source: rows changed after this';
COMMENT ON COLUMN ops.landing_files.window_until IS 'Of a SQL source: and up to this; the next window begins here';
UPDATE ops.landing_files AS f
SET
    version_at = f.taken_at,
    source = l.source
FROM ops.loads AS l
WHERE f.load_id = l.load_id;

ALTER TABLE ops.quarantine ADD COLUMN payload_kind text NOT NULL DEFAULT 'bytes'
CHECK (payload_kind IN ('fields', 'bytes'));
ALTER TABLE ops.quarantine ADD COLUMN replayed_load_id bigint REFERENCES ops.loads;
ALTER TABLE ops.quarantine ADD COLUMN replayed_at timestamptz;
COMMENT ON COLUMN ops.quarantine.payload_kind IS 'fields: the row''s columns as JSON, may be replayed; bytes: what could not be told apart into columns';
COMMENT ON COLUMN ops.quarantine.replayed_load_id IS 'The load in which the repaired row arrived; null while it waits';
CREATE INDEX quarantine_load ON ops.quarantine (load_id); -- what a load left behind, and its most frequent reasons

ALTER TABLE ops.quality_results ADD COLUMN record text;
ALTER TABLE ops.quality_results ADD COLUMN table_name text;
COMMENT ON COLUMN ops.quality_results.record IS 'The record of the load that was judged; null for the load as a whole, and for a table';
COMMENT ON COLUMN ops.quality_results.table_name IS 'The table that was judged, when it was a table and not a batch';
-- Each table's newest judgement, for the quality page; a source's last word on its freshness.
CREATE INDEX quality_results_table ON ops.quality_results (table_name, checked_at) WHERE table_name IS NOT NULL;
CREATE INDEX quality_results_suite ON ops.quality_results (suite, expectation) WHERE load_id IS NULL;

CREATE TABLE ops.findings (
    finding_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    load_id bigint NOT NULL REFERENCES ops.loads,
    record text NOT NULL,
    reason text NOT NULL,
    records bigint NOT NULL,
    examples text[] NOT NULL,
    found_at timestamptz NOT NULL,
    UNIQUE (load_id, record, reason)
);
COMMENT ON TABLE ops.findings IS 'What is remarkable about records that are each well formed: guests, unknown products, refunds larger than their order, orders held back';
COMMENT ON COLUMN ops.findings.examples IS 'Up to five keys, as the source gave them, of what the reason speaks about';

-- raw: no keys. The manifest sees to it that nothing comes twice, and an index costs a third of a load's time.
ALTER TABLE raw.order_lines DROP CONSTRAINT order_lines_pkey;
ALTER TABLE raw.customers DROP CONSTRAINT customers_pkey;
ALTER TABLE raw.products DROP CONSTRAINT products_pkey;
ALTER TABLE raw.events DROP CONSTRAINT events_pkey;

ALTER TABLE raw.order_lines ADD COLUMN kind text NOT NULL DEFAULT 'sale';
ALTER TABLE raw.order_lines ADD COLUMN original_order_ref text;
ALTER TABLE raw.order_lines ADD COLUMN version_at timestamptz;
COMMENT ON COLUMN raw.order_lines.version_at IS 'The source''s own time of the version; empty: its file''s, ops.landing_files';
ALTER TABLE raw.order_lines ADD COLUMN is_deleted boolean NOT NULL DEFAULT FALSE;

ALTER TABLE raw.customers ALTER COLUMN locale DROP NOT NULL; -- absent: the shop's
ALTER TABLE raw.customers ALTER COLUMN time_zone DROP NOT NULL;
ALTER TABLE raw.customers ALTER COLUMN country DROP NOT NULL;
ALTER TABLE raw.customers ADD COLUMN phone bytea;
ALTER TABLE raw.customers ADD COLUMN phone_hash bytea;
ALTER TABLE raw.customers ADD COLUMN phone_refusal text;
ALTER TABLE raw.customers ADD COLUMN loyalty_hash bytea;
ALTER TABLE raw.customers ADD COLUMN gender text;
ALTER TABLE raw.customers ADD COLUMN birth_date bytea;
ALTER TABLE raw.customers ADD COLUMN given_name_hash bytea;
ALTER TABLE raw.customers ADD COLUMN family_name_hash bytea;
ALTER TABLE raw.customers ADD COLUMN birth_date_hash bytea;
ALTER TABLE raw.customers ADD COLUMN version_at timestamptz NOT NULL DEFAULT '2000-01-01Z';
ALTER TABLE raw.customers ADD COLUMN is_deleted boolean NOT NULL DEFAULT FALSE;
ALTER TABLE raw.customers ADD COLUMN is_partial boolean NOT NULL DEFAULT FALSE;
COMMENT ON COLUMN raw.customers.given_name_hash IS
'Keyed hash: tells a changed name from the same one, which is encrypted differently each time; so for the other two';
COMMENT ON COLUMN raw.customers.loyalty_hash IS 'Keyed hash of the loyalty number, which itself is not stored';

ALTER TABLE raw.products ALTER COLUMN department DROP NOT NULL;
ALTER TABLE raw.products ADD COLUMN product_name text;
ALTER TABLE raw.products ADD COLUMN list_price numeric(14, 2);
ALTER TABLE raw.products ADD COLUMN currency text;
ALTER TABLE raw.products ADD COLUMN product_url text;
ALTER TABLE raw.products ADD COLUMN image_url text;
ALTER TABLE raw.products ADD COLUMN version_at timestamptz NOT NULL DEFAULT '2000-01-01Z';
ALTER TABLE raw.products ADD COLUMN is_deleted boolean NOT NULL DEFAULT FALSE;

ALTER TABLE raw.events ALTER COLUMN customer_ref DROP NOT NULL;
ALTER TABLE raw.events ADD COLUMN anonymous_ref text;
ALTER TABLE raw.events ADD COLUMN product_ref text;
ALTER TABLE raw.events ADD COLUMN properties jsonb;
ALTER TABLE raw.events ADD COLUMN version_at timestamptz NOT NULL DEFAULT '2000-01-01Z';

CREATE TABLE raw.contacts (
    load_id bigint NOT NULL,
    file_id bigint NOT NULL,
    record_no integer NOT NULL,
    customer_ref text NOT NULL,
    email bytea,
    email_hash bytea,
    email_refusal text,
    phone bytea,
    phone_hash bytea,
    phone_refusal text,
    label text,
    version_at timestamptz NOT NULL,
    is_deleted boolean NOT NULL DEFAULT FALSE
);
CREATE INDEX contacts_load ON raw.contacts USING brin (load_id);

CREATE TABLE raw.consents (
    load_id bigint NOT NULL,
    file_id bigint NOT NULL,
    record_no integer NOT NULL,
    customer_ref text,
    email bytea,
    email_hash bytea,
    email_refusal text,
    phone bytea,
    phone_hash bytea,
    phone_refusal text,
    channel text NOT NULL DEFAULT 'email',
    purpose text NOT NULL DEFAULT 'marketing',
    granted boolean NOT NULL,
    answered_at timestamptz NOT NULL,
    how text,
    consent_text text,
    version_at timestamptz NOT NULL
);
CREATE INDEX consents_load ON raw.consents USING brin (load_id);

CREATE TABLE raw.interactions (
    load_id bigint NOT NULL,
    file_id bigint NOT NULL,
    record_no integer NOT NULL,
    interaction_ref text NOT NULL,
    customer_ref text,
    kind text NOT NULL,
    direction text,
    subject bytea,
    body bytea,
    agent_ref text,
    status text,
    outcome text,
    occurred_at timestamptz NOT NULL,
    version_at timestamptz NOT NULL,
    is_deleted boolean NOT NULL DEFAULT FALSE
);
CREATE INDEX interactions_load ON raw.interactions USING brin (load_id);

CREATE TABLE raw.feedback (
    load_id bigint NOT NULL,
    file_id bigint NOT NULL,
    record_no integer NOT NULL,
    feedback_ref text NOT NULL,
    customer_ref text,
    order_ref text,
    product_ref text,
    campaign_ref text,
    rating numeric(6, 2),
    rating_max numeric(6, 2) NOT NULL DEFAULT 5,
    body bytea,
    channel text,
    given_at timestamptz NOT NULL,
    version_at timestamptz NOT NULL,
    is_deleted boolean NOT NULL DEFAULT FALSE
);
CREATE INDEX feedback_load ON raw.feedback USING brin (load_id);

CREATE TABLE raw.campaigns (
    load_id bigint NOT NULL,
    file_id bigint NOT NULL,
    record_no integer NOT NULL,
    campaign_ref text NOT NULL,
    campaign_name text,
    theme text,
    channel text,
    place text,
    content text,
    starts_on date,
    ends_on date,
    budget numeric(14, 2),
    currency text,
    version_at timestamptz NOT NULL,
    is_deleted boolean NOT NULL DEFAULT FALSE
);
CREATE INDEX campaigns_load ON raw.campaigns USING brin (load_id);

CREATE TABLE raw.coupons (
    load_id bigint NOT NULL,
    file_id bigint NOT NULL,
    record_no integer NOT NULL,
    coupon_ref text NOT NULL,
    campaign_ref text,
    product_ref text,
    description text,
    discount_amount numeric(14, 2),
    discount_percent numeric(6, 3),
    currency text,
    valid_from date,
    valid_until date,
    version_at timestamptz NOT NULL,
    is_deleted boolean NOT NULL DEFAULT FALSE
);
CREATE INDEX coupons_load ON raw.coupons USING brin (load_id);

CREATE TABLE raw.exchange_rates (
    load_id bigint NOT NULL,
    file_id bigint NOT NULL,
    record_no integer NOT NULL,
    currency text NOT NULL,
    base_currency text NOT NULL,
    rate_on date NOT NULL,
    rate numeric(20, 10) NOT NULL,
    version_at timestamptz NOT NULL
);
CREATE INDEX exchange_rates_load ON raw.exchange_rates USING brin (load_id);

-- What the contracts say of absent columns: the loader leaves out those that a source does not have.
ALTER TABLE raw.order_lines ALTER COLUMN retail_discount SET DEFAULT 0;
ALTER TABLE raw.order_lines ALTER COLUMN coupon_discount SET DEFAULT 0;
ALTER TABLE raw.customers ALTER COLUMN is_simulated SET DEFAULT FALSE;

GRANT SELECT, INSERT, DELETE ON ALL TABLES IN SCHEMA raw TO marketflow_loader;
GRANT SELECT, INSERT, UPDATE, DELETE ON ops.load_records TO marketflow_loader;
GRANT UPDATE (reason, column_name, replayed_load_id, replayed_at) ON ops.quarantine TO marketflow_loader;
GRANT USAGE ON SCHEMA privacy TO marketflow_loader;
GRANT INSERT ON privacy.audit_log TO marketflow_loader; -- somebody had payloads in quarantine read
GRANT SELECT ON ops.findings, ops.table_freshness TO marketflow_loader;
GRANT SELECT ON ops.load_records, ops.findings TO marketflow_analyst;
