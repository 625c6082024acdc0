-- step: forget_moved
-- A corrected file may give an event another day, and with it another partition.
WITH delivered AS MATERIALIZED (
    SELECT
        ops.event_id(%(source)s, r.event_ref) AS event_id,
        (r.occurred_at AT TIME ZONE %(time_zone)s)::date AS occurred_on
    FROM raw.events AS r
    WHERE r.load_id = any(%(load_ids)s::bigint[])
)

DELETE FROM core.events AS e
USING delivered AS d
WHERE e.event_id = d.event_id AND e.occurred_on <> d.occurred_on;

-- step: merge
INSERT INTO core.events AS e (occurred_on, event_id, source, event_type, customer_id, occurred_at, properties)
SELECT
    (n.occurred_at AT TIME ZONE %(time_zone)s)::date,
    ops.event_id(%(source)s, n.event_ref) AS event_id,
    %(source)s,
    n.event_type,
    i.customer_id,
    n.occurred_at,
    jsonb_strip_nulls(jsonb_build_object('campaign', n.campaign_ref, 'coupon', n.coupon_ref)) AS properties
FROM (
    SELECT DISTINCT ON (r.event_ref) r.*
    FROM raw.events AS r
    WHERE r.load_id = any(%(load_ids)s::bigint[])
    ORDER BY r.event_ref ASC, r.file_id DESC, r.record_no DESC
) AS n
INNER JOIN core.customer_identifiers AS i ON i.source = %(source)s AND n.customer_ref = i.external_id
ON CONFLICT (occurred_on, event_id) DO UPDATE
    SET
        event_type = excluded.event_type,
        customer_id = excluded.customer_id,
        occurred_at = excluded.occurred_at,
        properties = excluded.properties
    WHERE
    (e.event_type, e.customer_id, e.occurred_at, e.properties)
    IS DISTINCT FROM (excluded.event_type, excluded.customer_id, excluded.occurred_at, excluded.properties);
