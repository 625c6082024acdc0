-- What is foreseen of customers and sales, the groups they fall into, and how a run was judged.

-- A run says how long it took, whether it beat its baseline, and why it wrote nothing when the data did not allow it.
ALTER TABLE models.runs ADD COLUMN seconds double precision;
ALTER TABLE models.runs ADD COLUMN verdict text CHECK (verdict IN ('better', 'not_better', 'not_measured'));
ALTER TABLE models.runs ADD COLUMN reason text;
ALTER TABLE models.runs DROP CONSTRAINT runs_state_check;
ALTER TABLE models.runs
ADD CONSTRAINT runs_state_check CHECK (state IN ('running', 'done', 'failed', 'refused'));

-- As before, and a partition has the checks of its table.
CREATE OR REPLACE FUNCTION models.begin_run(model text, run_id bigint) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    part text := format('models.%I', model || '_' || run_id);
BEGIN
    IF to_regclass(part) IS NOT NULL THEN
        EXECUTE format('TRUNCATE %s', part);
        RETURN;
    END IF;
    EXECUTE format('CREATE TABLE %s (LIKE models.%I INCLUDING CONSTRAINTS)', part, model);
    EXECUTE format(
        'ALTER TABLE models.%I ATTACH PARTITION %s FOR VALUES FROM (%s) TO (%s)', model, part, run_id, run_id + 1
    );
END
$$;

-- Who was in which segment, from day to day.
CREATE TABLE models.segment_memberships (
    customer_id bigint NOT NULL,
    segment text NOT NULL,
    entered_on date NOT NULL,
    left_on date,
    PRIMARY KEY (customer_id, entered_on),
    CHECK (left_on > entered_on)
);
-- Who is where now; nobody is in two segments.
CREATE UNIQUE INDEX segment_memberships_open ON models.segment_memberships (customer_id) WHERE left_on IS NULL;
CREATE INDEX segment_memberships_days ON models.segment_memberships (entered_on, left_on);
CREATE INDEX segment_memberships_left ON models.segment_memberships (left_on);
COMMENT ON TABLE models.segment_memberships IS 'Which segment each customer was in, from which day to which';

-- Clusters.
CREATE TABLE models.clusters (
    run_id bigint NOT NULL,
    customer_id bigint NOT NULL,
    cluster_id integer NOT NULL,
    distance double precision NOT NULL
) PARTITION BY RANGE (run_id);
COMMENT ON TABLE models.clusters IS 'The cluster of each customer, by model run';

CREATE TABLE models.cluster_profiles (
    run_id bigint NOT NULL REFERENCES models.runs ON DELETE CASCADE,
    cluster_id integer NOT NULL,
    name text NOT NULL,
    description text NOT NULL,
    customers bigint NOT NULL,
    share double precision NOT NULL,
    revenue_share double precision NOT NULL,
    is_new boolean NOT NULL,
    PRIMARY KEY (run_id, cluster_id)
);
COMMENT ON TABLE models.cluster_profiles IS 'What each cluster is called and what makes it different, by model run';

CREATE TABLE models.cluster_features (
    run_id bigint NOT NULL REFERENCES models.runs ON DELETE CASCADE,
    cluster_id integer NOT NULL,
    feature text NOT NULL,
    mean double precision NOT NULL,
    overall_mean double precision NOT NULL,
    difference double precision NOT NULL,
    PRIMARY KEY (run_id, cluster_id, feature)
);
COMMENT ON TABLE models.cluster_features IS 'The clusters in numbers: each feature beside all customers'', by model run';

CREATE TABLE models.cluster_choices (
    run_id bigint NOT NULL REFERENCES models.runs ON DELETE CASCADE,
    k integer NOT NULL,
    silhouette double precision,
    calinski_harabasz double precision,
    stability double precision,
    sample_size integer NOT NULL,
    is_chosen boolean NOT NULL,
    PRIMARY KEY (run_id, k)
);
COMMENT ON TABLE models.cluster_choices IS 'How well each number of clusters that was tried fits, by model run';

-- Where each customer lies on the cluster map: a sample, for the picture.
CREATE TABLE models.cluster_points (
    run_id bigint NOT NULL REFERENCES models.runs ON DELETE CASCADE,
    customer_id bigint NOT NULL,
    cluster_id integer NOT NULL,
    x double precision NOT NULL,
    y double precision NOT NULL,
    PRIMARY KEY (run_id, customer_id)
);
COMMENT ON TABLE models.cluster_points IS 'Where a sample of customers lies on the map of the clusters, by model run';

-- What is foreseen of each customer.
CREATE TABLE models.customer_values (
    run_id bigint NOT NULL,
    customer_id bigint NOT NULL,
    alive_probability double precision NOT NULL,
    expected_orders double precision NOT NULL,
    expected_order_value numeric(14, 2) NOT NULL,
    customer_value numeric(18, 2) NOT NULL
) PARTITION BY RANGE (run_id);
COMMENT ON TABLE models.customer_values IS 'What each customer is expected to buy within the horizon, by model run';

CREATE TABLE models.churn_risks (
    run_id bigint NOT NULL,
    customer_id bigint NOT NULL,
    churn_days integer NOT NULL,
    churn_probability double precision NOT NULL,
    reasons text[] NOT NULL
) PARTITION BY RANGE (run_id);
COMMENT ON TABLE models.churn_risks IS 'How likely each customer buys nothing within the days of her own rhythm, by model run';

CREATE TABLE models.next_orders (
    run_id bigint NOT NULL,
    customer_id bigint NOT NULL,
    expected_on date,
    earliest_on date NOT NULL,
    latest_on date
) PARTITION BY RANGE (run_id);
COMMENT ON TABLE models.next_orders IS 'When each customer is expected to order next, by model run';

CREATE TABLE models.send_times (
    run_id bigint NOT NULL,
    customer_id bigint NOT NULL,
    best_hour integer CHECK (best_hour BETWEEN 0 AND 23),
    hour_basis text NOT NULL CHECK (hour_basis IN ('customer', 'segment', 'everybody', 'none')),
    best_weekday integer CHECK (best_weekday BETWEEN 1 AND 7),
    weekday_basis text NOT NULL CHECK (weekday_basis IN ('customer', 'segment', 'everybody', 'none')),
    observations integer NOT NULL
) PARTITION BY RANGE (run_id);
COMMENT ON TABLE models.send_times IS 'The hour and the weekday at which each customer is most active, in her own time zone, by model run';

CREATE TABLE models.send_time_patterns (
    run_id bigint NOT NULL REFERENCES models.runs ON DELETE CASCADE,
    segment text NOT NULL,
    dimension text NOT NULL CHECK (dimension IN ('hour', 'weekday')),
    slot integer NOT NULL,
    share double precision NOT NULL,
    observations bigint NOT NULL,
    PRIMARY KEY (run_id, segment, dimension, slot)
);
COMMENT ON TABLE models.send_time_patterns IS 'When everybody, and each segment, is active: shares by hour and by weekday, by model run';

-- Sales.
CREATE TABLE features.daily_sales (
    sold_on date NOT NULL,
    series_kind text NOT NULL CHECK (series_kind IN ('total', 'category', 'segment')),
    series text NOT NULL,
    revenue numeric(18, 2) NOT NULL,
    PRIMARY KEY (series_kind, series, sold_on)
);
COMMENT ON TABLE features.daily_sales IS 'Revenue by day: all of it, by category, and by the segment that the customer was in';

-- By what the days that are over were counted, to see whether it has changed since.
CREATE TABLE features.daily_sales_marks (
    is_kept boolean PRIMARY KEY DEFAULT TRUE CHECK (is_kept),
    products_to bigint NOT NULL,
    departments numeric NOT NULL,
    months_to date NOT NULL,
    memberships numeric NOT NULL
);
COMMENT ON TABLE features.daily_sales_marks IS 'One row: fingerprints of what features.daily_sales is made by; none: it has never been written';
COMMENT ON COLUMN features.daily_sales_marks.products_to IS 'The newest product that was known';
COMMENT ON COLUMN features.daily_sales_marks.departments IS 'Fingerprint of the departments of the products until that one';
COMMENT ON COLUMN features.daily_sales_marks.months_to IS 'The end of the last month that orders are counted by';
COMMENT ON COLUMN features.daily_sales_marks.memberships IS 'Fingerprint of the segments of all customers until that day';

CREATE TABLE models.sales_forecasts (
    run_id bigint NOT NULL,
    series_kind text NOT NULL,
    series text NOT NULL,
    sold_on date NOT NULL,
    forecast numeric(18, 2) NOT NULL,
    low numeric(18, 2) NOT NULL,
    high numeric(18, 2) NOT NULL
) PARTITION BY RANGE (run_id);
COMMENT ON TABLE models.sales_forecasts IS 'Revenue of the days to come with an interval, by series and model run';

CREATE TABLE models.forecast_scores (
    run_id bigint NOT NULL REFERENCES models.runs ON DELETE CASCADE,
    series_kind text NOT NULL,
    series text NOT NULL,
    method text NOT NULL,
    origins text NOT NULL CHECK (origins IN ('selection', 'scoring')),
    origin_count integer NOT NULL,
    mase double precision,
    coverage double precision,
    is_chosen boolean NOT NULL,
    PRIMARY KEY (run_id, series_kind, series, method, origins)
);
COMMENT ON TABLE models.forecast_scores IS 'How far off each method was, by series: on the origins that chose it, and on later ones';

-- Pictures, for the pages and the mailed report.
CREATE TABLE models.pictures (
    name text PRIMARY KEY,
    title text NOT NULL,
    description text NOT NULL,
    as_of date NOT NULL,
    run_ids bigint[] NOT NULL,
    svg text NOT NULL,
    png bytea NOT NULL,
    made_at timestamptz NOT NULL
);
COMMENT ON TABLE models.pictures IS 'The newest picture of each kind, as SVG and as PNG, with what it shows in words';

-- What BI tools and audiences read.
CREATE TABLE marts.segment_migrations (
    period_from date NOT NULL,
    period_to date NOT NULL,
    segment_from text NOT NULL,
    segment_to text NOT NULL,
    customers bigint NOT NULL,
    PRIMARY KEY (period_from, segment_from, segment_to)
);
CREATE TABLE marts.cluster_profiles (
    cluster_id integer PRIMARY KEY,
    name text NOT NULL,
    description text NOT NULL,
    customers bigint NOT NULL,
    share double precision NOT NULL,
    revenue_share double precision NOT NULL,
    as_of date NOT NULL
);
CREATE TABLE marts.sales_forecasts (
    series_kind text NOT NULL,
    series text NOT NULL,
    sold_on date NOT NULL,
    forecast numeric(18, 2) NOT NULL,
    low numeric(18, 2) NOT NULL,
    high numeric(18, 2) NOT NULL,
    as_of date NOT NULL,
    PRIMARY KEY (series_kind, series, sold_on)
);

ALTER TABLE marts.customer_360 ADD COLUMN segment_since date;
ALTER TABLE marts.customer_360 ADD COLUMN cluster text;
ALTER TABLE marts.customer_360 ADD COLUMN alive_probability double precision;
ALTER TABLE marts.customer_360 ADD COLUMN expected_orders double precision;
ALTER TABLE marts.customer_360 ADD COLUMN customer_value numeric(18, 2);
ALTER TABLE marts.customer_360 ADD COLUMN churn_days integer;
ALTER TABLE marts.customer_360 ADD COLUMN churn_probability double precision;
ALTER TABLE marts.customer_360 ADD COLUMN churn_reason text;
ALTER TABLE marts.customer_360 ADD COLUMN next_order_on date;
ALTER TABLE marts.customer_360 ADD COLUMN next_order_earliest_on date;
ALTER TABLE marts.customer_360 ADD COLUMN next_order_latest_on date;
ALTER TABLE marts.customer_360 ADD COLUMN best_hour integer;
ALTER TABLE marts.customer_360 ADD COLUMN best_weekday integer;

GRANT SELECT ON
models.segment_memberships, models.clusters, models.cluster_profiles, models.cluster_features, models.cluster_choices,
models.cluster_points, models.customer_values, models.churn_risks, models.next_orders, models.send_times,
models.send_time_patterns, models.sales_forecasts, models.forecast_scores, models.pictures
TO marketflow_analyst;
