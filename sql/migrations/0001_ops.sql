-- Stages are schemas (docs: the flow of data); ops holds what the machinery knows about itself.
CREATE SCHEMA raw;
CREATE SCHEMA core;
CREATE SCHEMA features;
CREATE SCHEMA models;
CREATE SCHEMA marts;
CREATE SCHEMA activation;
CREATE SCHEMA ops;
CREATE SCHEMA privacy;

CREATE TABLE ops.loads (
    load_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    source text NOT NULL,
    record text NOT NULL,
    started_at timestamptz NOT NULL,
    finished_at timestamptz,
    files integer NOT NULL DEFAULT 0,
    records_read bigint NOT NULL DEFAULT 0,
    records_loaded bigint NOT NULL DEFAULT 0,
    records_quarantined bigint NOT NULL DEFAULT 0,
    state text NOT NULL DEFAULT 'loading' CHECK (state IN ('loading', 'loaded', 'passed', 'refused', 'merged')),
    reason text,
    CHECK (state IN ('loading', 'refused') OR records_read = records_loaded + records_quarantined)
);
COMMENT ON TABLE ops.loads IS 'One row per batch: the files that one ingest run took in together, and the gate''s verdict on them';
CREATE INDEX loads_record_state ON ops.loads (record, state);

CREATE TABLE ops.landing_files (
    file_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    load_id bigint NOT NULL REFERENCES ops.loads,
    source text NOT NULL,
    path text NOT NULL,
    checksum bytea NOT NULL,
    bytes bigint NOT NULL,
    state text NOT NULL CHECK (state IN ('loaded', 'refused')),
    reason text,
    records_read bigint NOT NULL DEFAULT 0,
    records_loaded bigint NOT NULL DEFAULT 0,
    records_quarantined bigint NOT NULL DEFAULT 0,
    taken_at timestamptz NOT NULL,
    UNIQUE (source, checksum),
    CHECK (records_read = records_loaded + records_quarantined)
);
COMMENT ON TABLE ops.landing_files IS 'Manifest: each file once, by the SHA-256 of its content; a refused file, by path, content and reason, says why';

CREATE TABLE ops.quarantine (
    quarantine_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    load_id bigint NOT NULL REFERENCES ops.loads,
    file_id bigint NOT NULL REFERENCES ops.landing_files,
    record_no bigint NOT NULL,
    record text NOT NULL,
    reason text NOT NULL,
    column_name text,
    payload bytea NOT NULL,
    payload_bytes bigint NOT NULL,
    quarantined_at timestamptz NOT NULL,
    UNIQUE (file_id, record_no)
);
COMMENT ON TABLE ops.quarantine IS 'Rows that were not loaded, with the reason, the file and the record number; the payload is encrypted';

CREATE TABLE ops.quality_results (
    quality_result_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    load_id bigint REFERENCES ops.loads,
    suite text NOT NULL,
    expectation text NOT NULL,
    column_name text,
    severity text NOT NULL CHECK (severity IN ('stop', 'warn')),
    success boolean NOT NULL,
    observed jsonb NOT NULL,
    checked_at timestamptz NOT NULL
);
CREATE INDEX quality_results_load ON ops.quality_results (load_id);

CREATE TABLE ops.pending_changes (
    change_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    entity text NOT NULL,
    key text NOT NULL,
    changed_at timestamptz NOT NULL
);
COMMENT ON TABLE ops.pending_changes IS 'Keys touched in core; consumers read what lies behind their watermark';

CREATE TABLE ops.watermarks (
    consumer text PRIMARY KEY,
    position bigint NOT NULL,
    moved_at timestamptz NOT NULL
);

CREATE TABLE ops.table_freshness (
    table_name text PRIMARY KEY,
    data_as_of date,
    refreshed_at timestamptz NOT NULL,
    row_count bigint NOT NULL
);
COMMENT ON TABLE ops.table_freshness IS 'Up to which business day each derived table knows what happened';

-- The same id for the same event, however often it is delivered: a UUID of version 8 (RFC 9562) made of SHA-256.
-- `marketflow.shared.ids.event_id` computes the same; a test compares them.
CREATE FUNCTION ops.event_id(source text, natural_key text) RETURNS uuid
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN (
    SELECT (
        substr(d.digest, 1, 12) || '8' || substr(d.digest, 14, 3)
        || translate(substr(d.digest, 17, 1), '0123456789abcdef', '89ab89ab89ab89ab') || substr(d.digest, 18, 15)
    )::uuid
    FROM (
        SELECT encode(sha256(convert_to('event' || chr(31) || source || chr(31) || natural_key, 'UTF8')), 'hex') AS digest
    ) AS d
);
