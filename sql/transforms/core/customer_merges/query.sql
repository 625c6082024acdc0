-- step: record
INSERT INTO core.customer_merges (
    kept_customer_id, merged_customer_id, key_kind, source, external_id, reason, merged_at
)
SELECT
    s.kept_customer_id,
    s.merged_customer_id,
    s.key_kind,
    s.source,
    s.external_id,
    format(
        'Customer %%s of %%s and customer %%s of %%s have the same %%s.', s.external_id, s.source, s.same_external_id,
        s.same_source,
        CASE s.key_kind WHEN 'loyalty' THEN 'loyalty number' WHEN 'email' THEN 'e-mail address' ELSE 'telephone number' END
    ) AS reason,
    %(now)s
FROM same_customers AS s
ORDER BY s.merged_customer_id
ON CONFLICT (merged_customer_id) DO NOTHING;

-- step: mark
-- Its row stays, since the ledger may name it. Who had become it before is now the one that is kept.
UPDATE core.customers AS c
SET
    merged_into = s.kept_customer_id,
    given_name = NULL,
    family_name = NULL,
    birth_date = NULL,
    updated_at = %(now)s
FROM (
    SELECT
        n.merged_customer_id AS customer_id,
        n.kept_customer_id
    FROM same_customers AS n
    UNION ALL
    SELECT
        m.customer_id,
        n.kept_customer_id
    FROM same_customers AS n
    INNER JOIN core.customers AS m ON n.merged_customer_id = m.merged_into
) AS s
WHERE c.customer_id = s.customer_id;

-- step: note_touched
-- The days too: a day counts its customers.
INSERT INTO touched (entity, key)
SELECT
    'day' AS entity,
    o.ordered_on::text
FROM core.orders AS o
INNER JOIN same_customers AS s ON o.customer_id = s.merged_customer_id
UNION
SELECT
    'customer' AS entity,
    s.kept_customer_id::text
FROM same_customers AS s
UNION
SELECT
    'customer' AS entity,
    s.merged_customer_id::text
FROM same_customers AS s;

-- step: move_identifiers
UPDATE core.customer_identifiers AS i
SET customer_id = s.kept_customer_id
FROM same_customers AS s
WHERE i.customer_id = s.merged_customer_id;

-- step: move_keys
UPDATE core.customer_keys AS k
SET customer_id = s.kept_customer_id
FROM same_customers AS s
WHERE k.customer_id = s.merged_customer_id;

-- step: forget_current_address
DELETE FROM core.current_addresses AS a
USING same_customers AS s
WHERE a.customer_id = s.merged_customer_id;

-- step: move_contact_points
-- The ledger holds the address, not the customer, so nothing of what was sent changes.
UPDATE core.contact_points AS p
SET customer_id = s.kept_customer_id
FROM same_customers AS s
WHERE p.customer_id = s.merged_customer_id;

-- step: move_orders
UPDATE core.orders AS o
SET customer_id = s.kept_customer_id
FROM same_customers AS s
WHERE o.customer_id = s.merged_customer_id;

-- step: move_simulated_orders
UPDATE core.simulated_orders AS o
SET customer_id = s.kept_customer_id
FROM same_customers AS s
WHERE o.customer_id = s.merged_customer_id;

-- step: move_events
UPDATE core.events AS e
SET customer_id = s.kept_customer_id
FROM same_customers AS s
WHERE e.customer_id = s.merged_customer_id;

-- step: move_interactions
UPDATE core.interactions AS n
SET customer_id = s.kept_customer_id
FROM same_customers AS s
WHERE n.customer_id = s.merged_customer_id;

-- step: move_feedback
UPDATE core.feedback AS f
SET customer_id = s.kept_customer_id
FROM same_customers AS s
WHERE f.customer_id = s.merged_customer_id;
