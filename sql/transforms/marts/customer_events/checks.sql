-- check: events_of_the_future (warn)
-- Clocks of browsers are often wrong by hours; more than a week is a mistake of the source.
SELECT count(*)
FROM marts.customer_events AS m
WHERE m.occurred_on > (%(now)s::timestamptz + interval '7 days')::date;
