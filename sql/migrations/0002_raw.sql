-- raw: records as delivered, typed, personal fields encrypted. One row per good record; the key is where it stood.
CREATE TABLE raw.order_lines (
    load_id bigint NOT NULL,
    file_id bigint NOT NULL,
    record_no integer NOT NULL,
    order_ref text NOT NULL,
    customer_ref text,
    store_ref text,
    product_ref text NOT NULL,
    quantity numeric(14, 3) NOT NULL,
    amount numeric(14, 2) NOT NULL,
    retail_discount numeric(14, 2) NOT NULL,
    coupon_discount numeric(14, 2) NOT NULL,
    currency text NOT NULL,
    ordered_at timestamptz NOT NULL,
    PRIMARY KEY (file_id, record_no)
);
CREATE INDEX order_lines_load ON raw.order_lines USING brin (load_id);

CREATE TABLE raw.customers (
    load_id bigint NOT NULL,
    file_id bigint NOT NULL,
    record_no integer NOT NULL,
    customer_ref text NOT NULL,
    given_name bytea,
    family_name bytea,
    email bytea,
    email_hash bytea,
    email_refusal text,
    locale text NOT NULL,
    time_zone text NOT NULL,
    country text NOT NULL,
    email_consent boolean,
    consent_at timestamptz,
    consent_text text,
    age_band text,
    income_band text,
    home_ownership text,
    marital_status text,
    household_size text,
    household_composition text,
    kids_count text,
    is_simulated boolean NOT NULL,
    PRIMARY KEY (file_id, record_no),
    CHECK ((email IS NULL) = (email_hash IS NULL))
);
COMMENT ON COLUMN raw.customers.email_hash IS 'Keyed hash (HMAC-SHA-256) of the normalised address';
COMMENT ON COLUMN raw.customers.email_refusal IS 'Why the delivered address cannot be used (malformed, line break, ...); the rest of the record is good';
CREATE INDEX customers_load ON raw.customers USING brin (load_id);

CREATE TABLE raw.products (
    load_id bigint NOT NULL,
    file_id bigint NOT NULL,
    record_no integer NOT NULL,
    product_ref text NOT NULL,
    manufacturer_ref text,
    brand text,
    department text NOT NULL,
    category text,
    product_type text,
    package_size text,
    PRIMARY KEY (file_id, record_no)
);
CREATE INDEX products_load ON raw.products USING brin (load_id);

CREATE TABLE raw.events (
    load_id bigint NOT NULL,
    file_id bigint NOT NULL,
    record_no integer NOT NULL,
    event_ref text NOT NULL,
    event_type text NOT NULL,
    customer_ref text NOT NULL,
    campaign_ref text,
    coupon_ref text,
    occurred_at timestamptz NOT NULL,
    PRIMARY KEY (file_id, record_no)
);
CREATE INDEX events_load ON raw.events USING brin (load_id);
