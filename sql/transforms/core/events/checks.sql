-- check: event_outside_of_the_months (warn)
SELECT count(*)
FROM core.events_rest;
