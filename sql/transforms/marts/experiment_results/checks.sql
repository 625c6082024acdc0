-- check: more_than_were_assigned (stop)
SELECT count(*)
FROM marts.experiment_results AS r
WHERE greatest(r.sent, r.conversions, r.clickers) > r.assigned;

-- check: people_in_other_shares_than_meant (warn)
SELECT count(*)
FROM marts.experiment_results AS r
WHERE r.is_newest AND r.is_control AND r.verdict = 'ratio_mismatch';
