-- step: replace
DELETE FROM marts.association_rules;

-- step: show
-- Those of the published run, with names; without rules of products that are gone or not to be recommended any longer.
INSERT INTO marts.association_rules
(
    level, antecedents, consequents, antecedent_ids, consequent_ids, support, confidence, lift, leverage, baskets,
    model_run_id
)
WITH rules AS (
    SELECT
        r.*,
        row_number() OVER () AS rule
    FROM models.association_rules AS r
    WHERE r.run_id = %(association_rules_run)s::bigint
),

items AS (
    SELECT
        i.level,
        i.item_id,
        i.name
    FROM models.rule_items AS i
    WHERE i.run_id = %(association_rules_run)s::bigint
    UNION ALL
    SELECT
        'product' AS level,
        p.product_id,
        p.product_name
    FROM marts.products AS p
    WHERE p.is_recommendable
),

members AS (
    SELECT
        r.rule,
        r.level,
        a.item_id,
        a.place,
        TRUE AS is_antecedent
    FROM rules AS r
    CROSS JOIN LATERAL unnest(r.antecedents) WITH ORDINALITY AS a (item_id, place)
    UNION ALL
    SELECT
        r.rule,
        r.level,
        c.item_id,
        c.place,
        FALSE AS is_antecedent
    FROM rules AS r
    CROSS JOIN LATERAL unnest(r.consequents) WITH ORDINALITY AS c (item_id, place)
),

named AS (
    SELECT
        m.rule,
        array_agg(i.name ORDER BY m.place) FILTER (WHERE m.is_antecedent) AS antecedents,
        array_agg(i.name ORDER BY m.place) FILTER (WHERE NOT m.is_antecedent) AS consequents,
        count(*) AS items
    FROM members AS m
    INNER JOIN items AS i ON m.level = i.level AND m.item_id = i.item_id
    GROUP BY m.rule
)

SELECT
    r.level,
    n.antecedents,
    n.consequents,
    r.antecedents AS antecedent_ids,
    r.consequents AS consequent_ids,
    r.support,
    r.confidence,
    r.lift,
    r.leverage,
    r.baskets,
    r.run_id AS model_run_id
FROM rules AS r
INNER JOIN named AS n ON r.rule = n.rule
WHERE n.items = cardinality(r.antecedents) + cardinality(r.consequents);
