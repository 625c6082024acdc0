-- The rows of a model run lie in a partition of their own. They are written without the log where the server may
-- (wal_level minimal), are found without an index, and go at once when the run does.

-- In a build's order: the marts read this one last.
LOCK TABLE models.rfm;
ALTER TABLE models.rfm RENAME TO rfm_before;
CREATE TABLE models.rfm (LIKE models.rfm_before) PARTITION BY RANGE (run_id);

-- What there is of earlier runs stays as it is. Runs are numbered upwards.
DO $$
BEGIN
    IF EXISTS (SELECT FROM models.rfm_before) THEN
        EXECUTE format(
            'ALTER TABLE models.rfm ATTACH PARTITION models.rfm_before FOR VALUES FROM (MINVALUE) TO (%s)',
            (SELECT max(m.run_id) + 1 FROM models.rfm_before AS m)
        );
    ELSE
        DROP TABLE models.rfm_before;
    END IF;
END
$$;

CREATE FUNCTION models.begin_run(model text, run_id bigint) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    part text := format('models.%I', model || '_' || run_id);
BEGIN
    IF to_regclass(part) IS NOT NULL THEN
        EXECUTE format('TRUNCATE %s', part);
        RETURN;
    END IF;
    EXECUTE format('CREATE TABLE %s (LIKE models.%I)', part, model);
    EXECUTE format(
        'ALTER TABLE models.%I ATTACH PARTITION %s FOR VALUES FROM (%s) TO (%s)', model, part, run_id, run_id + 1
    );
END
$$;
COMMENT ON FUNCTION models.begin_run(text, bigint) IS 'An empty partition of the model''s table for the rows of a run';
