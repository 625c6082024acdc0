-- check: event_outside_of_the_months (warn)
SELECT count(*)
FROM core.events_rest;

-- check: customer_missing (stop)
SELECT count(*)
FROM core.events AS e
INNER JOIN incoming_events AS n ON e.occurred_on = n.occurred_on AND e.event_id = n.event_id
WHERE n.customer_ref IS NOT NULL AND e.customer_id IS NULL;
