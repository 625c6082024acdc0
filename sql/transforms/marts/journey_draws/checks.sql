-- check: arms_that_there_are_none_of (stop)
SELECT count(*)
FROM marts.journey_draws AS d
INNER JOIN activation.experiments AS e ON d.journey = e.campaign AND d.experiment = e.experiment
WHERE NOT e.definition -> 'shares' @> jsonb_build_array(jsonb_build_array(d.arm));
