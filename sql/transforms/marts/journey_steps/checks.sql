-- check: people_on_no_step (warn)
-- Whoever has come to a step has gone on, left, or stands there.
SELECT count(*)
FROM marts.journey_steps AS s
WHERE s.entered <> s.here_now + s.passed + s.reached_goal + s.dropped;
