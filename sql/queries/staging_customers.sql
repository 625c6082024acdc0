-- Whom the loads bring and name, brought into shape once: temporary tables, in this order, after those of staging.sql.

-- name: partial_customers
-- Numbers of which these loads bring partial records, with all that they bring of them and what core has: in the order of
-- time each record takes what it does not say from the one before it of the same feed, up to a whole record or a deletion.
-- A late one also completes what core has of later partial records, where those knew nothing.
CREATE TEMPORARY TABLE partial_customers AS
WITH numbers AS (
    SELECT DISTINCT
        l.system AS source,
        l.feed,
        r.customer_ref AS external_id
    FROM raw.customers AS r
    INNER JOIN merging_loads AS l ON r.load_id = l.load_id
    WHERE r.is_partial
),

delivered AS (
    SELECT
        n.source,
        n.external_id,
        n.feed,
        r.version_at,
        r.given_name,
        r.family_name,
        r.birth_date,
        r.given_name_hash,
        r.family_name_hash,
        r.birth_date_hash,
        r.email_hash,
        r.email_refusal,
        r.phone_hash,
        r.phone_refusal,
        r.gender,
        r.locale,
        r.time_zone,
        r.country,
        r.age_band,
        r.income_band,
        r.home_ownership,
        r.marital_status,
        r.household_size,
        r.household_composition,
        r.kids_count,
        r.is_simulated,
        r.is_partial AND NOT r.is_deleted AS is_partial,
        r.is_deleted,
        r.file_id,
        r.record_no
    FROM raw.customers AS r
    INNER JOIN merging_loads AS l ON r.load_id = l.load_id
    INNER JOIN numbers AS n ON l.system = n.source AND l.feed = n.feed AND r.customer_ref = n.external_id
),

-- In a rebuild core has versions of records that are delivered: these are made anew.
records AS (
    SELECT d.* FROM delivered AS d
    UNION ALL
    SELECT
        v.source,
        v.external_id,
        v.feed,
        s.version_at,
        v.given_name,
        v.family_name,
        v.birth_date,
        v.given_name_hash,
        v.family_name_hash,
        v.birth_date_hash,
        v.email_hash,
        v.email_refusal,
        v.phone_hash,
        v.phone_refusal,
        v.gender,
        v.locale,
        v.time_zone,
        v.country,
        v.age_band,
        v.income_band,
        v.home_ownership,
        v.marital_status,
        v.household_size,
        v.household_composition,
        v.kids_count,
        v.is_simulated,
        v.is_partial,
        v.is_deleted,
        v.file_id,
        v.record_no
    FROM core.customer_versions AS v
    INNER JOIN numbers AS n ON v.source = n.source AND v.external_id = n.external_id AND v.feed = n.feed
    CROSS JOIN LATERAL (VALUES (v.valid_from), (v.confirmed_at)) AS s (version_at)
    WHERE
        NOT EXISTS (
            SELECT FROM delivered AS d
            WHERE
                d.source = v.source AND d.external_id = v.external_id AND d.feed = v.feed
                AND d.version_at = v.valid_from AND d.file_id = v.file_id AND d.record_no = v.record_no
        )
),

-- Also another feed's deletion ends what was said.
deletions AS (
    SELECT
        s.source,
        s.external_id,
        max(s.deleted_at) AS deleted_at
    FROM (
        SELECT
            l.system AS source,
            r.customer_ref AS external_id,
            r.version_at AS deleted_at
        FROM raw.customers AS r
        INNER JOIN merging_loads AS l ON r.load_id = l.load_id
        WHERE r.is_deleted
        UNION ALL
        SELECT
            v.source,
            v.external_id,
            v.confirmed_at
        FROM core.customer_versions AS v
        WHERE
            v.is_deleted
            AND (v.source, v.external_id) IN (SELECT
                n.source,
                n.external_id
            FROM numbers AS n)
    ) AS s
    GROUP BY s.source, s.external_id
),

grouped AS (
    SELECT
        r.*,
        coalesce(r.version_at > d.deleted_at, TRUE) AS is_after_deletion,
        count(*) FILTER (WHERE NOT r.is_partial) OVER (
            PARTITION BY r.source, r.external_id, r.feed ORDER BY r.version_at, r.file_id, r.record_no
        ) AS group_no
    FROM records AS r
    LEFT JOIN deletions AS d ON r.source = d.source AND r.external_id = d.external_id
)

SELECT DISTINCT ON (g.source, g.external_id, g.feed, g.version_at)
    g.source,
    g.external_id,
    g.feed,
    g.version_at,
    ops.last_said(g.given_name) OVER w AS given_name,
    ops.last_said(g.family_name) OVER w AS family_name,
    ops.last_said(g.birth_date) OVER w AS birth_date,
    ops.last_said(g.given_name_hash) OVER w AS given_name_hash,
    ops.last_said(g.family_name_hash) OVER w AS family_name_hash,
    ops.last_said(g.birth_date_hash) OVER w AS birth_date_hash,
    nullif(ops.last_said(coalesce(g.email_hash, CASE WHEN g.email_refusal IS NOT NULL THEN ''::bytea END)) OVER w, '') AS email_hash,
    nullif(ops.last_said(coalesce(g.email_refusal, CASE WHEN g.email_hash IS NOT NULL THEN '' END)) OVER w, '') AS email_refusal,
    nullif(ops.last_said(coalesce(g.phone_hash, CASE WHEN g.phone_refusal IS NOT NULL THEN ''::bytea END)) OVER w, '') AS phone_hash,
    nullif(ops.last_said(coalesce(g.phone_refusal, CASE WHEN g.phone_hash IS NOT NULL THEN '' END)) OVER w, '') AS phone_refusal,
    ops.last_said(g.gender) OVER w AS gender,
    ops.last_said(g.locale) OVER w AS locale,
    ops.last_said(g.time_zone) OVER w AS time_zone,
    ops.last_said(g.country) OVER w AS country,
    ops.last_said(g.age_band) OVER w AS age_band,
    ops.last_said(g.income_band) OVER w AS income_band,
    ops.last_said(g.home_ownership) OVER w AS home_ownership,
    ops.last_said(g.marital_status) OVER w AS marital_status,
    ops.last_said(g.household_size) OVER w AS household_size,
    ops.last_said(g.household_composition) OVER w AS household_composition,
    ops.last_said(g.kids_count) OVER w AS kids_count,
    bool_or(g.is_simulated) OVER w AS is_simulated,
    g.is_partial,
    g.is_deleted,
    g.file_id,
    g.record_no
FROM grouped AS g
WINDOW
    w AS (
        PARTITION BY g.source, g.external_id, g.feed, g.is_after_deletion, g.group_no, g.is_deleted
        ORDER BY g.version_at, g.file_id, g.record_no
    )
ORDER BY g.source ASC, g.external_id ASC, g.feed ASC, g.version_at ASC, g.file_id DESC, g.record_no DESC;

-- name: incoming_customers
-- Every version that the loads bring, one per feed and time. A deletion says nothing else. The fingerprint tells whether
-- two versions say the same; of names, which are encrypted differently each time, their keyed hashes do.
CREATE TEMPORARY TABLE incoming_customers AS
WITH whole AS (
    SELECT DISTINCT ON (l.system, r.customer_ref, l.feed, r.version_at)
        l.system AS source,
        r.customer_ref AS external_id,
        l.feed,
        r.*
    FROM raw.customers AS r
    INNER JOIN merging_loads AS l ON r.load_id = l.load_id
    WHERE
        NOT EXISTS (
            SELECT FROM partial_customers AS p
            WHERE p.source = l.system AND p.external_id = r.customer_ref AND p.feed = l.feed
        )
    ORDER BY l.system ASC, r.customer_ref ASC, l.feed ASC, r.version_at ASC, r.file_id DESC, r.record_no DESC
),

delivered AS (
    SELECT
        w.source,
        w.external_id,
        w.feed,
        w.version_at,
        w.given_name,
        w.family_name,
        w.birth_date,
        w.given_name_hash,
        w.family_name_hash,
        w.birth_date_hash,
        w.email_hash,
        w.email_refusal,
        w.phone_hash,
        w.phone_refusal,
        w.gender,
        w.locale,
        w.time_zone,
        w.country,
        w.age_band,
        w.income_band,
        w.home_ownership,
        w.marital_status,
        w.household_size,
        w.household_composition,
        w.kids_count,
        w.is_simulated,
        w.is_partial,
        w.is_deleted,
        w.file_id,
        w.record_no
    FROM whole AS w
    UNION ALL
    SELECT
        p.source,
        p.external_id,
        p.feed,
        p.version_at,
        p.given_name,
        p.family_name,
        p.birth_date,
        p.given_name_hash,
        p.family_name_hash,
        p.birth_date_hash,
        p.email_hash,
        p.email_refusal,
        p.phone_hash,
        p.phone_refusal,
        p.gender,
        p.locale,
        p.time_zone,
        p.country,
        p.age_band,
        p.income_band,
        p.home_ownership,
        p.marital_status,
        p.household_size,
        p.household_composition,
        p.kids_count,
        p.is_simulated,
        p.is_partial,
        p.is_deleted,
        p.file_id,
        p.record_no
    FROM partial_customers AS p
)

SELECT
    d.source,
    d.external_id,
    d.feed,
    d.version_at,
    d.given_name,
    d.family_name,
    d.birth_date,
    d.given_name_hash,
    d.family_name_hash,
    d.birth_date_hash,
    d.email_hash,
    d.email_refusal,
    d.phone_hash,
    d.phone_refusal,
    d.gender,
    d.locale,
    d.time_zone,
    d.country,
    d.age_band,
    d.income_band,
    d.home_ownership,
    d.marital_status,
    d.household_size,
    d.household_composition,
    d.kids_count,
    d.is_simulated,
    d.is_partial,
    d.is_deleted,
    d.file_id,
    d.record_no,
    sha256(
        convert_to(
            row(
                coalesce(d.given_name_hash, d.given_name), coalesce(d.family_name_hash, d.family_name),
                coalesce(d.birth_date_hash, d.birth_date), d.email_hash, d.email_refusal, d.phone_hash, d.phone_refusal,
                d.gender, d.locale, d.time_zone, d.country, d.age_band, d.income_band, d.home_ownership,
                d.marital_status, d.household_size, d.household_composition, d.kids_count, d.is_simulated
            )::text,
            'UTF8'
        )
    ) AS fingerprint
FROM delivered AS d
WHERE NOT d.is_deleted
UNION ALL
SELECT
    d.source,
    d.external_id,
    d.feed,
    d.version_at,
    NULL AS given_name,
    NULL AS family_name,
    NULL AS birth_date,
    NULL AS given_name_hash,
    NULL AS family_name_hash,
    NULL AS birth_date_hash,
    NULL AS email_hash,
    NULL AS email_refusal,
    NULL AS phone_hash,
    NULL AS phone_refusal,
    NULL AS gender,
    NULL AS locale,
    NULL AS time_zone,
    NULL AS country,
    NULL AS age_band,
    NULL AS income_band,
    NULL AS home_ownership,
    NULL AS marital_status,
    NULL AS household_size,
    NULL AS household_composition,
    NULL AS kids_count,
    d.is_simulated,
    d.is_partial,
    d.is_deleted,
    d.file_id,
    d.record_no,
    sha256('deleted') AS fingerprint
FROM delivered AS d
WHERE d.is_deleted;

-- name: incoming_contacts
-- Gone is a contact whose newest version, of these loads or of core, is a deletion.
CREATE TEMPORARY TABLE incoming_contacts AS
SELECT DISTINCT ON (d.source, d.external_id, d.channel, d.address_hash)
    d.*,
    d.is_deleted OR EXISTS (
        SELECT FROM core.contacts AS c
        WHERE
            c.source = d.source AND c.external_id = d.external_id AND c.channel = d.channel AND c.address_hash = d.address_hash
            AND c.is_deleted AND (c.version_at, c.file_id, c.record_no) > (d.version_at, d.file_id, d.record_no)
    ) AS is_gone
FROM (
    SELECT
        l.system AS source,
        r.customer_ref AS external_id,
        CASE WHEN r.email_hash IS NULL THEN 'sms' ELSE 'email' END AS channel,
        coalesce(r.email_hash, r.phone_hash) AS address_hash,
        coalesce(r.email, r.phone) AS address,
        r.label,
        r.load_id,
        r.version_at,
        r.file_id,
        r.record_no,
        r.is_deleted
    FROM raw.contacts AS r
    INNER JOIN merging_loads AS l ON r.load_id = l.load_id
    WHERE r.email_hash IS NOT NULL OR r.phone_hash IS NOT NULL
) AS d
ORDER BY d.source ASC, d.external_id ASC, d.channel ASC, d.address_hash ASC, d.version_at DESC, d.file_id DESC, d.record_no DESC;

-- name: incoming_answers
CREATE TEMPORARY TABLE incoming_answers AS
SELECT
    l.system AS source,
    l.started_at,
    r.load_id,
    r.file_id,
    r.record_no,
    r.customer_ref,
    r.channel,
    r.purpose,
    r.granted,
    r.answered_at,
    r.how,
    r.consent_text,
    CASE r.channel WHEN 'email' THEN r.email_hash ELSE r.phone_hash END AS address_hash,
    CASE r.channel WHEN 'email' THEN r.email ELSE r.phone END AS address
FROM raw.consents AS r
INNER JOIN merging_loads AS l ON r.load_id = l.load_id;

-- name: named_customers
-- Whoever is named by a record, an order, an event and so on, also by one that is older than what core has: else who is
-- known would depend on the order of the loads.
CREATE TEMPORARY TABLE named_customers AS
SELECT
    n.source,
    n.customer_ref AS external_id
FROM incoming_orders AS n
WHERE n.customer_ref IS NOT NULL
UNION
SELECT
    v.source,
    v.customer_ref
FROM order_versions AS v
WHERE v.customer_ref IS NOT NULL
UNION
SELECT
    i.source,
    i.external_id
FROM incoming_customers AS i
UNION
SELECT
    i.source,
    i.external_id
FROM incoming_contacts AS i
UNION
SELECT
    i.source,
    i.customer_ref
FROM incoming_answers AS i
WHERE i.customer_ref IS NOT NULL
UNION
SELECT
    l.system,
    r.customer_ref
FROM raw.events AS r
INNER JOIN merging_loads AS l ON r.load_id = l.load_id
WHERE r.customer_ref IS NOT NULL
UNION
SELECT
    l.system,
    r.customer_ref
FROM raw.interactions AS r
INNER JOIN merging_loads AS l ON r.load_id = l.load_id
WHERE r.customer_ref IS NOT NULL
UNION
SELECT
    l.system,
    r.customer_ref
FROM raw.feedback AS r
INNER JOIN merging_loads AS l ON r.load_id = l.load_id
WHERE r.customer_ref IS NOT NULL;

-- name: deleted_customers
-- Of whoever is named, since when the number has been deleted: what is older must not bring anything personal back.
CREATE TEMPORARY TABLE deleted_customers AS
SELECT
    s.source,
    s.external_id,
    max(s.deleted_at) AS deleted_at
FROM (
    SELECT
        i.source,
        i.external_id,
        i.version_at AS deleted_at
    FROM incoming_customers AS i
    WHERE i.is_deleted
    UNION ALL
    SELECT
        v.source,
        v.external_id,
        v.confirmed_at
    FROM core.customer_versions AS v
    INNER JOIN named_customers AS n ON v.source = n.source AND v.external_id = n.external_id
    WHERE v.is_deleted
) AS s
GROUP BY s.source, s.external_id;

-- name: kept_out
-- Addresses that came with what is older than the deletion of their number.
CREATE TEMPORARY TABLE kept_out AS
SELECT
    d.source,
    d.external_id,
    k.channel,
    k.address_hash,
    d.deleted_at
FROM deleted_customers AS d
INNER JOIN merging_loads AS l ON d.source = l.system
INNER JOIN raw.customers AS r ON l.load_id = r.load_id AND d.external_id = r.customer_ref
CROSS JOIN LATERAL (VALUES ('email', r.email_hash), ('sms', r.phone_hash)) AS k (channel, address_hash)
WHERE k.address_hash IS NOT NULL AND NOT r.is_deleted AND r.version_at <= d.deleted_at
UNION
SELECT
    d.source,
    d.external_id,
    c.channel,
    c.address_hash,
    d.deleted_at
FROM deleted_customers AS d
INNER JOIN incoming_contacts AS c ON d.source = c.source AND d.external_id = c.external_id
WHERE c.version_at <= d.deleted_at
UNION
SELECT
    d.source,
    d.external_id,
    w.channel,
    w.address_hash,
    d.deleted_at
FROM deleted_customers AS d
INNER JOIN incoming_answers AS w ON d.source = w.source AND d.external_id = w.customer_ref
WHERE w.address_hash IS NOT NULL AND least(w.answered_at, w.started_at) <= d.deleted_at;

-- name: incoming_keys
CREATE TEMPORARY TABLE incoming_keys AS
SELECT
    s.source,
    s.external_id,
    s.key_kind,
    s.key_hash,
    max(s.load_id) AS load_id,
    max(s.version_at) AS said_at
FROM (
    SELECT
        l.system AS source,
        r.customer_ref AS external_id,
        k.key_kind,
        k.key_hash,
        r.version_at,
        r.load_id
    FROM raw.customers AS r
    INNER JOIN merging_loads AS l ON r.load_id = l.load_id
    CROSS JOIN
        LATERAL (VALUES ('loyalty', r.loyalty_hash), ('email', r.email_hash), ('phone', r.phone_hash)) AS k (key_kind, key_hash)
    WHERE k.key_hash IS NOT NULL AND NOT r.is_deleted
    UNION ALL
    SELECT
        i.source,
        i.external_id,
        CASE i.channel WHEN 'sms' THEN 'phone' ELSE 'email' END AS key_kind,
        i.address_hash,
        i.version_at,
        i.load_id
    FROM incoming_contacts AS i
    WHERE NOT i.is_gone
) AS s
LEFT JOIN deleted_customers AS d ON s.source = d.source AND s.external_id = d.external_id
WHERE d.deleted_at IS NULL OR s.version_at > d.deleted_at
GROUP BY s.source, s.external_id, s.key_kind, s.key_hash;

-- name: same_people
-- Numbers that are new and stand for a customer who is known, or who is as new (then customer_id is empty).
CREATE TEMPORARY TABLE same_people (
    source text,
    external_id text,
    customer_id bigint,
    same_source text,
    same_external_id text,
    key_kind text
);

-- name: same_customers
-- Customers of core who turn out to be one: by which key, and which two numbers have it.
CREATE TEMPORARY TABLE same_customers (
    kept_customer_id bigint,
    merged_customer_id bigint,
    key_kind text,
    source text,
    external_id text,
    same_source text,
    same_external_id text
);

-- name: addressed_customers
-- Whose addresses may have changed.
CREATE TEMPORARY TABLE addressed_customers (customer_id bigint NOT NULL);

-- name: customer_points
-- Of those, all addresses that are or were theirs.
CREATE TEMPORARY TABLE customer_points (customer_id bigint NOT NULL, contact_point_id bigint NOT NULL);

-- name: statistics
-- Of a small sample: these tables are read from end to end in any case.
ANALYZE incoming_orders, incoming_products_sold, incoming_customers, incoming_contacts, incoming_answers,
incoming_products, incoming_events, named_customers, incoming_keys;
