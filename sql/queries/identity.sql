-- Statements that find the same person in several records, by exact keys.

-- name: shared_keys
-- Keys that these loads bring and that more than one customer or new number has, with all who have them; the strongest
-- first. Customers who are one already are of no interest.
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
INNER JOIN shared AS s ON k.key_kind = s.key_kind AND k.key_hash = s.key_hash
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
WHERE i.customer_id = any(%(customers)s::bigint[]) AND i.joined_by IS DISTINCT FROM 'sign_in';

-- name: same_person
INSERT INTO same_people (source, external_id, customer_id, same_source, same_external_id, key_kind)
VALUES (%(source)s, %(external_id)s, %(customer_id)s, %(same_source)s, %(same_external_id)s, %(key_kind)s);

-- name: same_customer
INSERT INTO same_customers (
    kept_customer_id, merged_customer_id, key_kind, source, external_id, same_source, same_external_id
)
VALUES (
    %(customer_id)s, %(merged_customer_id)s, %(key_kind)s, %(source)s, %(external_id)s, %(same_source)s,
    %(same_external_id)s
);

-- name: not_joined
INSERT INTO found (load_id, record, reason, key)
VALUES (%(load_id)s, 'customers', %(reason)s, %(external_id)s);
