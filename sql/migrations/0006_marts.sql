-- marts: what analysts, campaigns and BI tools read. No personal data. Rows are made by sql/transforms/marts.
CREATE TABLE marts.customer_360 (
    customer_id bigint PRIMARY KEY,
    segment text,
    recency_days integer,
    frequency integer,
    monetary numeric(14, 2),
    recency_score integer,
    frequency_score integer,
    monetary_score integer,
    orders integer NOT NULL,
    revenue numeric(14, 2) NOT NULL,
    currency text,
    first_order_on date,
    last_order_on date,
    campaigns_received integer NOT NULL,
    coupons_redeemed integer NOT NULL,
    email_contact_point_id bigint,
    email_consent boolean NOT NULL,
    locale text NOT NULL,
    time_zone text NOT NULL,
    country text NOT NULL,
    age_band text,
    income_band text,
    home_ownership text,
    marital_status text,
    household_size text,
    household_composition text,
    kids_count text,
    is_simulated boolean NOT NULL,
    is_test boolean NOT NULL
);
CREATE INDEX customer_360_segment ON marts.customer_360 (segment);

CREATE TABLE marts.products (
    product_id bigint PRIMARY KEY,
    product_ref text NOT NULL,
    product_name text NOT NULL,
    brand text,
    department text,
    category text,
    package_size text,
    is_recommendable boolean NOT NULL
);

CREATE TABLE marts.product_recommendations (
    customer_id bigint NOT NULL,
    rank integer NOT NULL,
    product_id bigint NOT NULL,
    product_name text NOT NULL,
    score double precision NOT NULL,
    reason text NOT NULL,
    model_run_id bigint NOT NULL,
    PRIMARY KEY (customer_id, rank)
);

CREATE TABLE marts.related_products (
    product_id bigint NOT NULL,
    rank integer NOT NULL,
    related_product_id bigint NOT NULL,
    related_product_name text NOT NULL,
    support double precision NOT NULL,
    confidence double precision NOT NULL,
    lift double precision NOT NULL,
    model_run_id bigint NOT NULL,
    PRIMARY KEY (product_id, rank)
);

CREATE TABLE marts.customer_days (
    ordered_on date NOT NULL,
    customer_id bigint NOT NULL,
    orders integer NOT NULL,
    revenue numeric(14, 2) NOT NULL,
    product_ids bigint[] NOT NULL,
    PRIMARY KEY (ordered_on, customer_id)
);

CREATE TABLE marts.revenue_daily (
    ordered_on date NOT NULL,
    currency text NOT NULL,
    orders integer NOT NULL,
    order_lines integer NOT NULL,
    customers integer NOT NULL,
    revenue numeric(14, 2) NOT NULL,
    discount numeric(14, 2) NOT NULL,
    PRIMARY KEY (ordered_on, currency)
);

CREATE TABLE marts.top_products (
    week_ending_on date NOT NULL,
    rank integer NOT NULL,
    product_id bigint NOT NULL,
    product_name text NOT NULL,
    customers integer NOT NULL,
    revenue numeric(14, 2) NOT NULL,
    PRIMARY KEY (week_ending_on, rank)
);

CREATE TABLE marts.campaign_performance (
    campaign text NOT NULL,
    occasion text NOT NULL,
    channel text NOT NULL,
    planned integer NOT NULL,
    sent integer NOT NULL,
    failed integer NOT NULL,
    unknown integer NOT NULL,
    waiting integer NOT NULL,
    skipped integer NOT NULL,
    ended_unsent integer NOT NULL,
    unsubscribed integer NOT NULL,
    buyers integer NOT NULL,
    revenue numeric(14, 2) NOT NULL,
    attribution_days integer NOT NULL,
    first_sent_at timestamptz,
    last_sent_at timestamptz,
    PRIMARY KEY (campaign, occasion, channel)
);
