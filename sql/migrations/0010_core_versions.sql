-- core: versions by source time, one customer from several sources, returns, currencies, and what a shop knows beside orders.
-- After this migration `rebuild_warehouse` fills the new tables from what raw holds.
ALTER TABLE core.customers ADD COLUMN gender text;
ALTER TABLE core.customers ADD COLUMN birth_date bytea;
ALTER TABLE core.customers ADD COLUMN is_deleted boolean NOT NULL DEFAULT FALSE;
ALTER TABLE core.customers ADD COLUMN merged_into bigint REFERENCES core.customers;
CREATE INDEX customers_merged ON core.customers (merged_into) WHERE merged_into IS NOT NULL; -- a later merge moves them on

ALTER TABLE core.customer_identifiers ADD COLUMN joined_by text CHECK (joined_by IN ('loyalty', 'email', 'phone', 'sign_in'));

-- The newest value that is there, over rows in the order of time: `last_value` would take an absent one.
CREATE FUNCTION ops.newer_of(known anyelement, said anyelement) RETURNS anyelement
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS 'SELECT coalesce(said, known)';
CREATE AGGREGATE ops.last_said (anyelement)(sfunc = ops.newer_of, stype = anyelement);

-- By feed: two sources of one system do not know the same of a customer, and what one of them never says is not gone.
CREATE TABLE core.customer_versions (
    source text NOT NULL,
    external_id text NOT NULL,
    feed text NOT NULL,
    valid_from timestamptz NOT NULL,
    valid_to timestamptz,
    confirmed_at timestamptz NOT NULL,
    given_name bytea,
    family_name bytea,
    birth_date bytea,
    given_name_hash bytea,
    family_name_hash bytea,
    birth_date_hash bytea,
    email_hash bytea,
    email_refusal text,
    phone_hash bytea,
    phone_refusal text,
    gender text,
    locale text,
    time_zone text,
    country text,
    age_band text,
    income_band text,
    home_ownership text,
    marital_status text,
    household_size text,
    household_composition text,
    kids_count text,
    is_simulated boolean NOT NULL,
    is_partial boolean NOT NULL,
    is_deleted boolean NOT NULL,
    file_id bigint NOT NULL,
    record_no integer NOT NULL,
    fingerprint bytea NOT NULL,
    PRIMARY KEY (source, external_id, feed, valid_from)
);
-- Who has been deleted is asked of everybody whom a load names, and few are.
CREATE INDEX customer_versions_deleted ON core.customer_versions (source, external_id) WHERE is_deleted;

CREATE TABLE core.product_versions (
    source text NOT NULL,
    external_id text NOT NULL,
    feed text NOT NULL,
    valid_from timestamptz NOT NULL,
    valid_to timestamptz,
    confirmed_at timestamptz NOT NULL,
    product_name text,
    manufacturer_ref text,
    brand text,
    department text,
    category text,
    product_type text,
    package_size text,
    list_price numeric(14, 2),
    currency text,
    product_url text,
    image_url text,
    is_deleted boolean NOT NULL,
    file_id bigint NOT NULL,
    record_no integer NOT NULL,
    fingerprint bytea NOT NULL,
    PRIMARY KEY (source, external_id, feed, valid_from)
);

ALTER TABLE core.products ADD COLUMN product_name text;
ALTER TABLE core.products ADD COLUMN list_price numeric(14, 2);
ALTER TABLE core.products ADD COLUMN currency text;
ALTER TABLE core.products ADD COLUMN product_url text;
ALTER TABLE core.products ADD COLUMN image_url text;

-- Exact keys only: a keyed hash of an address, of a telephone number, of a loyalty number.
CREATE TABLE core.customer_keys (
    key_kind text NOT NULL CHECK (key_kind IN ('loyalty', 'email', 'phone')),
    key_hash bytea NOT NULL,
    source text NOT NULL,
    external_id text NOT NULL,
    customer_id bigint NOT NULL REFERENCES core.customers,
    first_seen_at timestamptz NOT NULL,
    said_at timestamptz NOT NULL,
    PRIMARY KEY (key_kind, key_hash, source, external_id)
);
CREATE INDEX customer_keys_customer ON core.customer_keys (customer_id); -- a merge moves the keys of one customer
CREATE INDEX customer_keys_number ON core.customer_keys (source, external_id); -- a deletion takes the keys of one number
-- Whoever is known already is found again by the address that she has, before raw is merged anew or when raw is gone.
INSERT INTO core.customer_keys (key_kind, key_hash, source, external_id, customer_id, first_seen_at, said_at)
SELECT
    'email' AS key_kind,
    p.address_hash,
    i.source,
    i.external_id,
    i.customer_id,
    p.first_seen_at,
    p.first_seen_at AS said_at
FROM core.customer_identifiers AS i
INNER JOIN core.current_addresses AS a ON i.customer_id = a.customer_id
INNER JOIN core.contact_points AS p ON a.contact_point_id = p.contact_point_id AND p.channel = 'email'
UNION
SELECT
    'email' AS key_kind,
    p.address_hash,
    i.source,
    i.external_id,
    i.customer_id,
    p.first_seen_at,
    p.first_seen_at AS said_at
FROM core.customer_identifiers AS i
INNER JOIN core.contact_points AS p ON i.customer_id = p.customer_id AND p.channel = 'email';

CREATE TABLE core.customer_merges (
    merge_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kept_customer_id bigint NOT NULL REFERENCES core.customers,
    merged_customer_id bigint NOT NULL UNIQUE REFERENCES core.customers,
    key_kind text NOT NULL,
    source text NOT NULL,
    external_id text NOT NULL,
    reason text NOT NULL,
    merged_at timestamptz NOT NULL
);
CREATE INDEX customer_merges_kept ON core.customer_merges (kept_customer_id); -- which customers became this one

-- Addresses beside the one of the customer's own record.
CREATE TABLE core.contacts (
    source text NOT NULL,
    external_id text NOT NULL,
    channel text NOT NULL CHECK (channel IN ('email', 'sms')),
    address_hash bytea NOT NULL,
    label text,
    version_at timestamptz NOT NULL,
    file_id bigint NOT NULL,
    record_no integer NOT NULL,
    is_deleted boolean NOT NULL,
    PRIMARY KEY (source, external_id, channel, address_hash)
);
CREATE INDEX contacts_address ON core.contacts (channel, address_hash); -- is anybody left who has this address?

ALTER TABLE core.contact_points DROP CONSTRAINT contact_points_channel_check;
ALTER TABLE core.contact_points ADD CONSTRAINT contact_points_channel_check
CHECK (channel IN ('email', 'sms', 'webhook', 'mastodon', 'x', 'bluesky', 'memory'));
ALTER TABLE core.contact_points ADD COLUMN forgotten_at timestamptz;
ALTER TABLE core.current_addresses ADD COLUMN sms_contact_point_id bigint REFERENCES core.contact_points;
CREATE INDEX current_addresses_sms ON core.current_addresses (sms_contact_point_id); -- who has a number that another gave up

ALTER TABLE core.orders ADD COLUMN kind text NOT NULL DEFAULT 'sale' CHECK (kind IN ('sale', 'return', 'cancellation'));
ALTER TABLE core.orders ADD COLUMN original_order_ref text;
ALTER TABLE core.orders ADD COLUMN version_at timestamptz NOT NULL DEFAULT '2000-01-01Z';
ALTER TABLE core.orders ADD COLUMN base_revenue numeric(14, 2);
UPDATE core.orders SET base_revenue = revenue; -- until now a warehouse knew one currency
-- What was given back of an order; few orders are about another one.
CREATE INDEX orders_original ON core.orders (source, original_order_ref) WHERE original_order_ref IS NOT NULL;

-- Nobody asks for lines by day without their orders, and it costs a tenth of writing them.
DROP INDEX core.order_lines_day;

-- Never deleted by a rebuild: what was forgotten must not come back with an old file.
CREATE TABLE core.deleted_orders (
    source text NOT NULL,
    external_id text NOT NULL,
    version_at timestamptz NOT NULL,
    file_id bigint NOT NULL,
    PRIMARY KEY (source, external_id)
);

CREATE TABLE core.exchange_rates (
    base_currency text NOT NULL,
    currency text NOT NULL,
    rate_on date NOT NULL,
    rate numeric(20, 10) NOT NULL CHECK (rate > 0),
    source text NOT NULL,
    version_at timestamptz NOT NULL,
    file_id bigint NOT NULL,
    PRIMARY KEY (base_currency, currency, rate_on)
);

ALTER TABLE core.events ADD COLUMN anonymous_ref text;
ALTER TABLE core.events ADD COLUMN version_at timestamptz NOT NULL DEFAULT '2000-01-01Z';
ALTER TABLE core.events ADD COLUMN file_id bigint NOT NULL DEFAULT 0;
-- Events of a browser that nobody had signed in to yet: found when somebody does.
CREATE INDEX events_anonymous ON core.events (source, anonymous_ref) WHERE customer_id IS NULL AND anonymous_ref IS NOT NULL;

CREATE TABLE core.interactions (
    interaction_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    source text NOT NULL,
    external_id text NOT NULL,
    customer_id bigint REFERENCES core.customers,
    kind text NOT NULL,
    direction text,
    subject bytea,
    body bytea,
    agent_ref text,
    status text,
    outcome text,
    occurred_at timestamptz NOT NULL,
    occurred_on date NOT NULL,
    version_at timestamptz NOT NULL,
    file_id bigint NOT NULL,
    is_deleted boolean NOT NULL DEFAULT FALSE,
    UNIQUE (source, external_id)
);
CREATE INDEX interactions_customer ON core.interactions (customer_id, occurred_on); -- a customer's timeline

CREATE TABLE core.feedback (
    feedback_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    source text NOT NULL,
    external_id text NOT NULL,
    customer_id bigint REFERENCES core.customers,
    order_ref text,
    product_ref text,
    campaign_ref text,
    rating numeric(6, 2),
    rating_max numeric(6, 2) NOT NULL,
    body bytea,
    channel text,
    given_at timestamptz NOT NULL,
    given_on date NOT NULL,
    version_at timestamptz NOT NULL,
    file_id bigint NOT NULL,
    is_deleted boolean NOT NULL DEFAULT FALSE,
    UNIQUE (source, external_id)
);
CREATE INDEX feedback_customer ON core.feedback (customer_id, given_on); -- a customer's timeline

CREATE TABLE core.campaigns (
    campaign_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    source text NOT NULL,
    external_id text NOT NULL,
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
    file_id bigint NOT NULL,
    is_deleted boolean NOT NULL DEFAULT FALSE,
    UNIQUE (source, external_id)
);

CREATE TABLE core.coupons (
    coupon_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    source text NOT NULL,
    external_id text NOT NULL,
    campaign_ref text,
    product_ref text,
    description text,
    discount_amount numeric(14, 2),
    discount_percent numeric(6, 3),
    currency text,
    valid_from date,
    valid_until date,
    version_at timestamptz NOT NULL,
    file_id bigint NOT NULL,
    is_deleted boolean NOT NULL DEFAULT FALSE,
    UNIQUE (source, external_id)
);

ALTER TABLE marts.revenue_daily ADD COLUMN given_back numeric(14, 2) NOT NULL DEFAULT 0;
ALTER TABLE marts.revenue_daily ADD COLUMN base_revenue numeric(14, 2);

-- Answers of customers who were named without an address, and every no: they count for the address that the customer has.
CREATE TABLE privacy.customer_answers (
    source text NOT NULL,
    external_id text NOT NULL,
    channel text NOT NULL,
    purpose text NOT NULL,
    answered_at timestamptz NOT NULL,
    occurred_at timestamptz NOT NULL,
    granted boolean NOT NULL,
    how text,
    consent_text text,
    PRIMARY KEY (source, external_id, channel, purpose, answered_at)
);
-- Unsubscriptions by link since the last build: what was said at one address counts for the customer's others.
CREATE INDEX consent_events_links ON privacy.consent_events (recorded_at) WHERE send_id IS NOT NULL;
