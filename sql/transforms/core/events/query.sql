-- step: forget_moved
-- A corrected file may give an event another day, and with it another partition.
DELETE FROM core.events AS e
USING incoming_events AS n
WHERE e.event_id = n.event_id AND e.occurred_on = n.known_on AND n.known_on <> n.occurred_on;

-- step: merge
INSERT INTO core.events AS e (
    occurred_on, event_id, source, event_type, customer_id, occurred_at, properties, anonymous_ref, version_at, file_id
)
SELECT
    n.occurred_on,
    n.event_id,
    n.source,
    n.event_type,
    coalesce(i.customer_id, a.customer_id) AS customer_id,
    n.occurred_at,
    coalesce(n.properties, '{}') || jsonb_strip_nulls(
        jsonb_build_object('campaign', n.campaign_ref, 'coupon', n.coupon_ref, 'product', n.product_ref)
    ) AS properties,
    n.anonymous_ref,
    n.version_at,
    n.file_id
FROM incoming_events AS n
LEFT JOIN core.customer_identifiers AS i ON n.source = i.source AND n.customer_ref = i.external_id
LEFT JOIN core.customer_identifiers AS a
    ON n.customer_ref IS NULL AND n.source = a.source AND 'anonymous:' || n.anonymous_ref = a.external_id
ORDER BY n.occurred_at, n.event_id
ON CONFLICT (occurred_on, event_id) DO UPDATE
    SET
        source = excluded.source,
        event_type = excluded.event_type,
        customer_id = excluded.customer_id,
        occurred_at = excluded.occurred_at,
        properties = excluded.properties,
        anonymous_ref = excluded.anonymous_ref,
        version_at = excluded.version_at,
        file_id = excluded.file_id
    WHERE
    (
        e.source, e.event_type, e.customer_id, e.occurred_at, e.properties, e.anonymous_ref, e.version_at, e.file_id
    )
    IS DISTINCT FROM (
        excluded.source, excluded.event_type, excluded.customer_id, excluded.occurred_at, excluded.properties,
        excluded.anonymous_ref, excluded.version_at, excluded.file_id
    );

-- step: note_signed_in
INSERT INTO touched (entity, key)
SELECT DISTINCT
    'customer' AS entity,
    i.customer_id::text
FROM core.events AS e
INNER JOIN core.customer_identifiers AS i ON e.source = i.source AND 'anonymous:' || e.anonymous_ref = i.external_id
WHERE
    e.customer_id IS NULL
    AND (e.source, e.anonymous_ref) IN (
        SELECT
            n.source,
            n.anonymous_ref
        FROM incoming_events AS n
        WHERE n.anonymous_ref IS NOT NULL AND n.customer_ref IS NOT NULL
    );

-- step: signed_in
-- What was done on a browser or device before somebody signed in on it.
UPDATE core.events AS e
SET customer_id = i.customer_id
FROM core.customer_identifiers AS i
WHERE
    e.customer_id IS NULL
    AND e.source = i.source AND 'anonymous:' || e.anonymous_ref = i.external_id
    AND (e.source, e.anonymous_ref) IN (
        SELECT
            n.source,
            n.anonymous_ref
        FROM incoming_events AS n
        WHERE n.anonymous_ref IS NOT NULL AND n.customer_ref IS NOT NULL
    );
