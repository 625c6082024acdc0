-- step: merge
-- Bought together: ten per product, by lift times confidence: lift alone prefers rare pairs, confidence alone what everybody
-- buys. Only what is bought together more often than by chance, no other product of the same name, and each related name
-- once. Similar: as the model has it.
MERGE INTO marts.related_products AS m
USING (
    WITH pairs AS (
        SELECT
            r.run_id,
            r.antecedents[1] AS product_id,
            r.consequents[1] AS related_product_id,
            r.support,
            r.confidence,
            r.lift,
            r.lift * r.confidence AS score
        FROM models.association_rules AS r
        WHERE
            r.run_id = %(association_rules_run)s::bigint
            AND r.level = 'product'
            AND cardinality(r.antecedents) = 1 AND cardinality(r.consequents) = 1
            AND r.lift > 1
    ),

    named AS (
        SELECT DISTINCT ON (s.product_id, n.product_name)
            s.product_id,
            s.related_product_id,
            n.product_name AS related_product_name,
            s.score,
            s.support,
            s.confidence,
            s.lift,
            s.run_id AS model_run_id
        FROM pairs AS s
        INNER JOIN marts.products AS o ON s.product_id = o.product_id
        INNER JOIN marts.products AS n ON s.related_product_id = n.product_id
        WHERE o.product_name <> n.product_name AND n.is_recommendable
        ORDER BY s.product_id ASC, n.product_name ASC, s.score DESC, s.related_product_id ASC
    ),

    ranked AS (
        SELECT
            n.*,
            row_number() OVER (PARTITION BY n.product_id ORDER BY n.score DESC, n.related_product_id ASC) AS rank
        FROM named AS n
    ),

    best AS (
        SELECT
            r.product_id,
            'bought_together' AS relation,
            r.rank,
            r.related_product_id,
            r.related_product_name,
            r.score,
            r.support,
            r.confidence,
            r.lift,
            r.model_run_id
        FROM ranked AS r
        WHERE r.rank <= 10
        UNION ALL
        SELECT
            s.product_id,
            s.relation,
            s.rank,
            s.related_product_id,
            n.product_name,
            s.score,
            NULL::double precision AS support,
            NULL::double precision AS confidence,
            NULL::double precision AS lift,
            s.run_id
        FROM models.related_products AS s
        INNER JOIN marts.products AS n ON s.related_product_id = n.product_id
        WHERE s.run_id = %(related_products_run)s::bigint AND n.is_recommendable
    )

    SELECT f.* FROM best AS f
) AS b ON m.product_id = b.product_id AND m.relation = b.relation AND m.rank = b.rank
WHEN MATCHED
AND (m.related_product_id, m.related_product_name, m.score, m.support, m.confidence, m.lift, m.model_run_id)
IS DISTINCT FROM (
    b.related_product_id, b.related_product_name, b.score, b.support, b.confidence, b.lift, b.model_run_id
)
THEN
    UPDATE
        SET
            related_product_id = b.related_product_id,
            related_product_name = b.related_product_name,
            score = b.score,
            support = b.support,
            confidence = b.confidence,
            lift = b.lift,
            model_run_id = b.model_run_id
WHEN NOT MATCHED
THEN INSERT
    (
        product_id, relation, rank, related_product_id, related_product_name, score, support, confidence, lift,
        model_run_id
    )
VALUES
(
    b.product_id, b.relation, b.rank, b.related_product_id, b.related_product_name, b.score, b.support, b.confidence,
    b.lift, b.model_run_id
);

-- step: forget
-- What is left of other runs, and what may not be recommended any longer.
DELETE FROM marts.related_products AS m
WHERE
    m.model_run_id IS DISTINCT FROM CASE m.relation
        WHEN 'similar' THEN %(related_products_run)s::bigint ELSE %(association_rules_run)s::bigint
    END
    OR m.related_product_id IN (
        SELECT p.product_id FROM marts.products AS p
        WHERE NOT p.is_recommendable
    );
