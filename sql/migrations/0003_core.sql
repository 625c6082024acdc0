-- core: the shop's customers, contact points, products, orders and events, each once.
CREATE TABLE core.customers (
    customer_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    given_name bytea,
    family_name bytea,
    locale text NOT NULL DEFAULT 'en-US',
    time_zone text NOT NULL DEFAULT 'UTC',
    country text NOT NULL DEFAULT 'US',
    age_band text,
    income_band text,
    home_ownership text,
    marital_status text,
    household_size text,
    household_composition text,
    kids_count text,
    is_simulated boolean NOT NULL DEFAULT false,
    is_test boolean NOT NULL DEFAULT false,
    first_seen_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL
);

CREATE TABLE core.customer_identifiers (
    source text NOT NULL,
    external_id text NOT NULL,
    customer_id bigint NOT NULL REFERENCES core.customers,
    PRIMARY KEY (source, external_id)
);
CREATE INDEX customer_identifiers_customer ON core.customer_identifiers (customer_id);

CREATE TABLE core.contact_points (
    contact_point_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    channel text NOT NULL CHECK (channel IN ('email', 'webhook', 'mastodon', 'x', 'bluesky', 'memory')),
    address_hash bytea NOT NULL,
    address bytea NOT NULL,
    customer_id bigint REFERENCES core.customers,
    is_simulated boolean NOT NULL DEFAULT false,
    is_test boolean NOT NULL DEFAULT false,
    first_seen_at timestamptz NOT NULL,
    UNIQUE (channel, address_hash)
);
COMMENT ON COLUMN core.contact_points.customer_id IS 'An attribute, not a key: merging customers changes it and never the ledger. Null: an account of the shop''s own (social posts)';
CREATE INDEX contact_points_customer ON core.contact_points (customer_id);

CREATE TABLE core.current_addresses (
    customer_id bigint PRIMARY KEY REFERENCES core.customers,
    contact_point_id bigint REFERENCES core.contact_points
);
CREATE INDEX current_addresses_contact_point ON core.current_addresses (contact_point_id);

CREATE TABLE core.products (
    product_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    source text NOT NULL,
    external_id text NOT NULL,
    manufacturer_ref text,
    brand text,
    department text,
    category text,
    product_type text,
    package_size text,
    in_catalogue boolean NOT NULL,
    updated_at timestamptz NOT NULL,
    UNIQUE (source, external_id)
);
COMMENT ON COLUMN core.products.in_catalogue IS 'False: seen in an order only; the catalogue does not have it';

CREATE TABLE core.orders (
    order_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    source text NOT NULL,
    external_id text NOT NULL,
    customer_id bigint REFERENCES core.customers,
    store_ref text,
    ordered_at timestamptz NOT NULL,
    ordered_on date NOT NULL,
    line_count integer NOT NULL,
    revenue numeric(14, 2) NOT NULL,
    discount numeric(14, 2) NOT NULL,
    currency text NOT NULL,
    file_id bigint NOT NULL,
    UNIQUE (source, external_id)
);
CREATE INDEX orders_customer ON core.orders (customer_id, ordered_on);
CREATE INDEX orders_day ON core.orders (ordered_on);

-- No foreign keys: checking one row by row takes as long as loading the rows. Lines are written only together with their
-- orders and products, and the transform's check compares each order with its lines.
CREATE TABLE core.order_lines (
    order_id bigint NOT NULL,
    line_no integer NOT NULL,
    product_id bigint NOT NULL,
    quantity numeric(14, 3) NOT NULL,
    amount numeric(14, 2) NOT NULL,
    discount numeric(14, 2) NOT NULL,
    ordered_on date NOT NULL,
    PRIMARY KEY (order_id, line_no)
);
CREATE INDEX order_lines_day ON core.order_lines USING brin (ordered_on);

CREATE TABLE core.events (
    occurred_on date NOT NULL,
    event_id uuid NOT NULL,
    source text NOT NULL,
    event_type text NOT NULL,
    customer_id bigint,
    occurred_at timestamptz NOT NULL,
    properties jsonb NOT NULL,
    PRIMARY KEY (occurred_on, event_id)
) PARTITION BY RANGE (occurred_on);
CREATE TABLE core.events_rest PARTITION OF core.events DEFAULT;
-- Finds an event again that a corrected file gives another day.
CREATE INDEX events_id ON core.events (event_id);
CREATE INDEX events_customer ON core.events (customer_id, occurred_on);
