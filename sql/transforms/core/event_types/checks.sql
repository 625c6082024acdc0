-- check: event_without_its_name (stop)
SELECT count(*)
FROM (SELECT DISTINCT i.event_type FROM incoming_events AS i) AS n
WHERE NOT EXISTS (
    SELECT FROM core.event_types AS t
    WHERE t.event_type = n.event_type
);
