-- Rules at three levels, two lists per customer, products that go together or are alike, and campaigns for customers.

-- The rows of a model run are a partition of its table (migration 13), here for the two tables that were not yet. The runs
-- until now stay together in one, <table>_before, which goes when all of them may (partitions_to_drop in runs.sql).
CREATE FUNCTION pg_temp.in_partitions(name text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    before_name text := name || '_before';
    known text;
    granted record;
    newest bigint;
BEGIN
    -- a view goes on reading the table that it was made for, and would never see a new run
    SELECT string_agg(DISTINCT r.ev_class::regclass::text, ', ') INTO known
    FROM pg_depend AS d
    INNER JOIN pg_rewrite AS r ON d.classid = 'pg_rewrite'::regclass AND d.objid = r.oid
    WHERE d.refclassid = 'pg_class'::regclass AND d.refobjid = format('models.%I', name)::regclass;
    IF known IS NOT NULL THEN
        RAISE EXCEPTION 'models.% becomes another table, and % would not see its new rows', name, known
            USING HINT = 'Drop what reads it before the upgrade, and make it again after.';
    END IF;
    EXECUTE format('ALTER TABLE models.%I RENAME TO %I', name, before_name);
    EXECUTE format(
        'CREATE TABLE models.%I (LIKE models.%I INCLUDING CONSTRAINTS) PARTITION BY RANGE (run_id)', name, before_name
    );
    -- rights that were granted by hand hold for the new table: on all of it, and on single columns
    FOR granted IN
        SELECT
            a.privilege_type || coalesce(' (' || quote_ident(g.attname) || ')', '') AS what,
            CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END
            || CASE WHEN a.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END AS whom
        FROM pg_class AS c
        CROSS JOIN LATERAL (
            SELECT
                NULL::name AS attname,
                c.relacl AS acl
            UNION ALL
            SELECT
                t.attname,
                t.attacl AS acl
            FROM pg_attribute AS t
            WHERE t.attrelid = c.oid AND t.attnum > 0 AND NOT t.attisdropped
        ) AS g
        CROSS JOIN LATERAL aclexplode(g.acl) AS a
        WHERE c.oid = format('models.%I', before_name)::regclass AND a.grantee <> c.relowner
    LOOP
        EXECUTE format('GRANT %s ON models.%I TO %s', granted.what, name, granted.whom);
    END LOOP;
    EXECUTE format('SELECT max(run_id) FROM models.%I', before_name) INTO newest;
    IF newest IS NULL THEN
        EXECUTE format('DROP TABLE models.%I', before_name);
    ELSE
        EXECUTE format(
            'ALTER TABLE models.%I ATTACH PARTITION models.%I FOR VALUES FROM (MINVALUE) TO (%s)',
            name, before_name, newest + 1
        );
    END IF;
END
$$;

-- Association rules, of products, of types and of categories.
ALTER TABLE models.association_rules ADD COLUMN level text NOT NULL DEFAULT 'product'
CHECK (level IN ('product', 'type', 'category'));
ALTER TABLE models.association_rules ADD COLUMN leverage double precision;
UPDATE models.association_rules SET leverage = support - support / lift;
ALTER TABLE models.association_rules ALTER COLUMN leverage SET NOT NULL;
SELECT pg_temp.in_partitions('association_rules');

-- Rules were mined along with the lists and published with them; now they have runs of their own. Until the first of these
-- the marts read the rules that are there.
INSERT INTO models.published (model, run_id, published_at)
SELECT
    'association_rules' AS model,
    p.run_id,
    p.published_at
FROM models.published AS p
WHERE
    p.model = 'product_recommendations'
    AND EXISTS (
        SELECT FROM models.association_rules AS r
        WHERE r.run_id = p.run_id
    );

-- What the numbers in rules of types and categories stand for; those of products are core.products.product_id.
CREATE TABLE models.rule_items (
    run_id bigint NOT NULL REFERENCES models.runs ON DELETE CASCADE,
    level text NOT NULL CHECK (level IN ('type', 'category')),
    item_id bigint NOT NULL,
    name text NOT NULL,
    PRIMARY KEY (run_id, level, item_id)
);
COMMENT ON TABLE models.rule_items IS 'Types and categories of products in association rules, by model run';

-- Two lists per customer: what is bought again, and what was never bought.
ALTER TABLE models.product_recommendations ADD COLUMN list text NOT NULL DEFAULT 'discover'
CHECK (list IN ('buy_again', 'discover'));
ALTER TABLE models.product_recommendations ADD COLUMN due_on date;
-- The run that scored the customer's lists: a run takes over those of customers who did nothing since.
ALTER TABLE models.product_recommendations ADD COLUMN scored_in bigint;
UPDATE models.product_recommendations SET scored_in = run_id;
ALTER TABLE models.product_recommendations ALTER COLUMN scored_in SET NOT NULL;
SELECT pg_temp.in_partitions('product_recommendations');

-- What goes with a product, and what is like it.
CREATE TABLE models.related_products (
    run_id bigint NOT NULL,
    product_id bigint NOT NULL,
    relation text NOT NULL CHECK (relation IN ('bought_together', 'similar')),
    rank integer NOT NULL,
    related_product_id bigint NOT NULL,
    score double precision NOT NULL
) PARTITION BY RANGE (run_id);
COMMENT ON TABLE models.related_products IS 'Products that go with a product or are like it, best first, by model run';

-- Which campaign for whom.
CREATE TABLE models.campaign_recommendations (
    run_id bigint NOT NULL,
    customer_id bigint NOT NULL,
    campaign_id bigint NOT NULL,
    rank integer NOT NULL,
    customer_rank integer NOT NULL,
    score double precision NOT NULL CHECK (score BETWEEN 0 AND 1),
    reason text NOT NULL
) PARTITION BY RANGE (run_id);
COMMENT ON TABLE models.campaign_recommendations IS 'How likely each customer answers each campaign, by model run';

-- What people read.
ALTER TABLE marts.product_recommendations ADD COLUMN list text NOT NULL DEFAULT 'discover';
ALTER TABLE marts.product_recommendations ADD COLUMN due_on date;
ALTER TABLE marts.product_recommendations ALTER COLUMN list DROP DEFAULT;
ALTER TABLE marts.product_recommendations DROP CONSTRAINT product_recommendations_pkey;
ALTER TABLE marts.product_recommendations ADD PRIMARY KEY (customer_id, list, rank);

ALTER TABLE marts.related_products ADD COLUMN relation text NOT NULL DEFAULT 'bought_together';
ALTER TABLE marts.related_products ADD COLUMN score double precision;
UPDATE marts.related_products SET score = lift * confidence;
ALTER TABLE marts.related_products ALTER COLUMN score SET NOT NULL;
ALTER TABLE marts.related_products ALTER COLUMN relation DROP DEFAULT;
ALTER TABLE marts.related_products ALTER COLUMN support DROP NOT NULL;
ALTER TABLE marts.related_products ALTER COLUMN confidence DROP NOT NULL;
ALTER TABLE marts.related_products ALTER COLUMN lift DROP NOT NULL;
ALTER TABLE marts.related_products DROP CONSTRAINT related_products_pkey;
ALTER TABLE marts.related_products ADD PRIMARY KEY (product_id, relation, rank);

CREATE TABLE marts.association_rules (
    level text NOT NULL,
    antecedents text[] NOT NULL,
    consequents text[] NOT NULL,
    antecedent_ids bigint[] NOT NULL,
    consequent_ids bigint[] NOT NULL,
    support double precision NOT NULL,
    confidence double precision NOT NULL,
    lift double precision NOT NULL,
    leverage double precision NOT NULL,
    baskets integer NOT NULL,
    model_run_id bigint NOT NULL,
    PRIMARY KEY (level, antecedent_ids, consequent_ids)
);

CREATE TABLE marts.campaign_recommendations (
    customer_id bigint NOT NULL,
    campaign_id bigint NOT NULL,
    campaign_name text NOT NULL,
    rank integer NOT NULL,
    customer_rank integer NOT NULL,
    score double precision NOT NULL,
    reason text NOT NULL,
    model_run_id bigint NOT NULL,
    PRIMARY KEY (customer_id, campaign_id)
);
CREATE INDEX campaign_recommendations_best ON marts.campaign_recommendations (campaign_id, customer_rank);

GRANT SELECT ON marts.association_rules, marts.campaign_recommendations
TO marketflow_sender, marketflow_audience, marketflow_analyst;
