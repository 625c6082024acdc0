-- step: merge
INSERT INTO core.click_pages AS t (event_id, click_id, source, occurred_at, occurred_on)
SELECT
    n.event_id,
    (n.properties -> '_collected' ->> 'click')::uuid AS click_id,
    n.source,
    n.occurred_at,
    n.occurred_on
FROM incoming_events AS n
WHERE n.properties -> '_collected' ->> 'click' ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$'
ORDER BY n.occurred_at, n.event_id
ON CONFLICT (event_id) DO UPDATE
    SET
        click_id = excluded.click_id,
        source = excluded.source,
        occurred_at = excluded.occurred_at,
        occurred_on = excluded.occurred_on
    WHERE
    (t.click_id, t.source, t.occurred_at, t.occurred_on)
    IS DISTINCT FROM (excluded.click_id, excluded.source, excluded.occurred_at, excluded.occurred_on);
