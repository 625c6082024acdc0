-- check: item_on_both_sides (stop)
SELECT count(*)
FROM marts.association_rules AS m
WHERE m.antecedent_ids && m.consequent_ids;

-- check: no_rules (warn)
SELECT (NOT EXISTS (SELECT FROM marts.association_rules))::integer;
