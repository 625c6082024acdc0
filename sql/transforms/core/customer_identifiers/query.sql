-- step: new_customers
-- Whoever is named and not known yet, nor the same as somebody who is. The numbers are drawn in the order of the shop's own,
-- so that two warehouses built from the same files agree.
WITH unknown AS (
    SELECT
        n.source,
        n.external_id
    FROM named_customers AS n
    WHERE
        NOT EXISTS (
            SELECT FROM core.customer_identifiers AS i
            WHERE i.source = n.source AND i.external_id = n.external_id
        )
        AND NOT EXISTS (
            SELECT FROM same_people AS p
            WHERE p.source = n.source AND p.external_id = n.external_id
        )
    ORDER BY n.source, length(n.external_id), n.external_id
),

numbered AS MATERIALIZED (
    SELECT
        u.source,
        u.external_id,
        nextval('core.customers_customer_id_seq') AS customer_id
    FROM unknown AS u
),

created AS (
    INSERT INTO core.customers (customer_id, locale, time_zone, country, first_seen_at, updated_at)
    OVERRIDING SYSTEM VALUE
    SELECT
        n.customer_id,
        %(locale)s,
        %(time_zone)s,
        %(country)s,
        %(now)s AS first_seen_at,
        %(now)s AS updated_at
    FROM numbered AS n
)

INSERT INTO core.customer_identifiers (source, external_id, customer_id)
SELECT
    n.source,
    n.external_id,
    n.customer_id
FROM numbered AS n;

-- step: same_people
-- Numbers of people who are known under another one, or who came with another one just now.
INSERT INTO core.customer_identifiers (source, external_id, customer_id, joined_by)
SELECT
    p.source,
    p.external_id,
    coalesce(p.customer_id, i.customer_id) AS customer_id,
    p.key_kind
FROM same_people AS p
LEFT JOIN core.customer_identifiers AS i ON p.same_source = i.source AND p.same_external_id = i.external_id
ON CONFLICT (source, external_id) DO NOTHING;

-- step: signed_in
-- Who was the first to sign in on a browser or device is whoever used it before and after.
INSERT INTO core.customer_identifiers (source, external_id, customer_id, joined_by)
SELECT DISTINCT ON (e.source, e.anonymous_ref)
    e.source,
    'anonymous:' || e.anonymous_ref AS external_id,
    i.customer_id,
    'sign_in' AS joined_by
FROM incoming_events AS e
INNER JOIN core.customer_identifiers AS i ON e.source = i.source AND e.customer_ref = i.external_id
WHERE e.anonymous_ref IS NOT NULL
ORDER BY e.source ASC, e.anonymous_ref ASC, e.occurred_at ASC, e.event_ref ASC
ON CONFLICT (source, external_id) DO NOTHING;
