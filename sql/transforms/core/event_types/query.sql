-- step: note_names
INSERT INTO core.event_types (event_type, first_seen_at)
SELECT
    n.event_type,
    min(n.occurred_at) AS first_seen_at
FROM incoming_events AS n
GROUP BY n.event_type
ORDER BY n.event_type
ON CONFLICT (event_type) DO NOTHING;
