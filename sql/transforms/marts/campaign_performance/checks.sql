-- check: states_do_not_add_up (stop)
SELECT count(*)
FROM marts.campaign_performance AS p
WHERE p.planned <> p.sent + p.failed + p.unknown + p.waiting + p.skipped + p.ended_unsent;
