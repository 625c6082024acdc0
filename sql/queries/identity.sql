-- Statements that find the same person in several records, by exact keys.

-- name: shared_carriers
-- Keys that these loads bring and that more than one customer or new number has, with all who have them. Customers who are
-- one already are of no interest.
CREATE TEMPORARY TABLE shared_carriers AS
WITH carriers AS (
    SELECT
        n.key_kind,
        n.key_hash,
        n.source,
        n.external_id,
        n.load_id
    FROM incoming_keys AS n
    UNION ALL
    SELECT
        k.key_kind,
        k.key_hash,
        k.source,
        k.external_id,
        NULL::bigint AS load_id
    FROM core.customer_keys AS k
    WHERE
        (k.key_kind, k.key_hash) IN (SELECT
            n.key_kind,
            n.key_hash
        FROM incoming_keys AS n)
        AND NOT EXISTS (
            SELECT FROM incoming_keys AS n
            WHERE
                n.key_kind = k.key_kind AND n.key_hash = k.key_hash
                AND n.source = k.source AND n.external_id = k.external_id
        )
),

known AS (
    SELECT
        c.*,
        i.customer_id
    FROM carriers AS c
    LEFT JOIN core.customer_identifiers AS i ON c.source = i.source AND c.external_id = i.external_id
),

shared AS (
    SELECT
        k.key_kind,
        k.key_hash
    FROM known AS k
    GROUP BY k.key_kind, k.key_hash
    HAVING count(*) > 1 AND (count(DISTINCT k.customer_id) > 1 OR bool_or(k.customer_id IS NULL))
)

SELECT
    k.key_kind,
    k.key_hash,
    k.source,
    k.external_id,
    k.customer_id,
    k.load_id
FROM known AS k
INNER JOIN shared AS s ON k.key_kind = s.key_kind AND k.key_hash = s.key_hash;

-- name: shared_keys
-- The strongest keys first.
SELECT
    k.key_kind,
    k.key_hash,
    k.source,
    k.external_id,
    k.customer_id,
    k.load_id
FROM shared_carriers AS k
ORDER BY
    CASE k.key_kind WHEN 'loyalty' THEN 1 WHEN 'email' THEN 2 ELSE 3 END, k.key_hash, k.source, length(k.external_id),
    k.external_id;

-- name: numbers
-- The numbers that customers have; browsers and devices are no numbers.
SELECT
    i.customer_id,
    i.source,
    i.external_id
FROM core.customer_identifiers AS i
WHERE
    i.customer_id IN (SELECT k.customer_id FROM shared_carriers AS k)
    AND i.joined_by IS DISTINCT FROM 'sign_in';

-- name: same_people
COPY same_people (source, external_id, customer_id, same_source, same_external_id, key_kind) FROM STDIN;

-- name: same_customers
COPY same_customers (
    source, external_id, kept_customer_id, same_source, same_external_id, key_kind, merged_customer_id
) FROM STDIN;

-- name: not_joined
COPY found (load_id, record, reason, key) FROM STDIN;

-- name: drop_carriers
DROP TABLE shared_carriers;
