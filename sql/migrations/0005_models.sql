-- features and models: versioned output, the run that made it, and the pointer to what marts read.
CREATE TABLE models.runs (
    run_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    model text NOT NULL,
    as_of date NOT NULL,
    data_from date,
    data_to date,
    started_at timestamptz NOT NULL,
    finished_at timestamptz,
    state text NOT NULL DEFAULT 'running' CHECK (state IN ('running', 'done', 'failed')),
    parameters jsonb NOT NULL DEFAULT '{}',
    metrics jsonb NOT NULL DEFAULT '{}',
    baseline jsonb NOT NULL DEFAULT '{}',
    row_count bigint,
    is_test boolean NOT NULL DEFAULT false
);
COMMENT ON TABLE models.runs IS 'One row per model run: data window, parameters, metrics and those of the simple baseline on the same temporal split';
CREATE INDEX runs_model ON models.runs (model, run_id);

CREATE TABLE models.published (
    model text PRIMARY KEY,
    run_id bigint NOT NULL REFERENCES models.runs,
    published_at timestamptz NOT NULL
);
COMMENT ON TABLE models.published IS 'The run that marts read; as-of and test runs never move it';

CREATE TABLE features.purchase_summaries (
    run_id bigint NOT NULL REFERENCES models.runs ON DELETE CASCADE,
    customer_id bigint NOT NULL,
    recency_days integer NOT NULL,
    frequency integer NOT NULL,
    monetary numeric(14, 2) NOT NULL,
    first_order_on date NOT NULL,
    last_order_on date NOT NULL,
    PRIMARY KEY (run_id, customer_id)
);

CREATE TABLE models.rfm_segment_rules (
    recency_score integer NOT NULL CHECK (recency_score BETWEEN 1 AND 5),
    frequency_score integer NOT NULL CHECK (frequency_score BETWEEN 1 AND 5),
    monetary_score integer NOT NULL CHECK (monetary_score BETWEEN 1 AND 5),
    segment text NOT NULL,
    PRIMARY KEY (recency_score, frequency_score, monetary_score)
);
COMMENT ON TABLE models.rfm_segment_rules IS 'The named segment of each of the 125 score triples, written from include/marketflow/segments/rfm_segments.yaml';

CREATE TABLE models.rfm (
    run_id bigint NOT NULL REFERENCES models.runs ON DELETE CASCADE,
    customer_id bigint NOT NULL,
    recency_score integer NOT NULL,
    frequency_score integer NOT NULL,
    monetary_score integer NOT NULL,
    segment text NOT NULL,
    PRIMARY KEY (run_id, customer_id)
);

CREATE TABLE models.association_rules (
    run_id bigint NOT NULL REFERENCES models.runs ON DELETE CASCADE,
    antecedents bigint[] NOT NULL,
    consequents bigint[] NOT NULL,
    support double precision NOT NULL,
    confidence double precision NOT NULL,
    lift double precision NOT NULL,
    baskets integer NOT NULL,
    PRIMARY KEY (run_id, antecedents, consequents)
);

CREATE TABLE models.product_recommendations (
    run_id bigint NOT NULL REFERENCES models.runs ON DELETE CASCADE,
    customer_id bigint NOT NULL,
    rank integer NOT NULL,
    product_id bigint NOT NULL,
    score double precision NOT NULL,
    because_product_id bigint,
    PRIMARY KEY (run_id, customer_id, rank),
    UNIQUE (run_id, customer_id, product_id)
);
