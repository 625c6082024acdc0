-- The rows of a model run lie in a partition of their own. They are written without the log where the server may
-- (wal_level minimal), are found without an index, and are thrown away at once.

-- In a build's order: the marts read this one last.
LOCK TABLE models.rfm;

-- A view goes on reading the table that it was made for, and would never see a new run.
DO $$
DECLARE
    known text;
BEGIN
    SELECT string_agg(DISTINCT r.ev_class::regclass::text, ', ') INTO known
    FROM pg_depend AS d
    INNER JOIN pg_rewrite AS r ON d.classid = 'pg_rewrite'::regclass AND d.objid = r.oid
    WHERE d.refclassid = 'pg_class'::regclass AND d.refobjid = 'models.rfm'::regclass;
    IF known IS NOT NULL THEN
        RAISE EXCEPTION 'models.rfm becomes another table, and % would not see its new rows', known
        USING HINT = 'Drop what reads it before the upgrade, and make it again after.';
    END IF;
END
$$;

ALTER TABLE models.rfm RENAME TO rfm_before;
CREATE TABLE models.rfm (LIKE models.rfm_before) PARTITION BY RANGE (run_id);

-- Rights that were granted by hand hold for the new table. What there is of earlier runs stays as it is: runs are numbered
-- upwards.
DO $$
DECLARE
    granted record;
BEGIN
    FOR granted IN
        SELECT
            a.privilege_type,
            CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END AS grantee
        FROM pg_class AS c
        CROSS JOIN aclexplode(c.relacl) AS a
        WHERE c.oid = 'models.rfm_before'::regclass AND a.grantee <> c.relowner
    LOOP
        EXECUTE format('GRANT %s ON models.rfm TO %s', granted.privilege_type, granted.grantee);
    END LOOP;
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
