-- step: history
-- A version holds from the time that the source gave it until the next one that says something else; a record that comes
-- again unchanged only confirms it. What core has and what these loads bring are put in the order of time together, so a
-- record that comes late finds its place. Each feed has a history of its own.
WITH moments AS (
    SELECT DISTINCT ON (m.source, m.external_id, m.feed, m.seen_at) m.*
    FROM (
        SELECT
            i.source,
            i.external_id,
            i.feed,
            i.version_at AS seen_at,
            TRUE AS is_incoming,
            i.product_name,
            i.manufacturer_ref,
            i.brand,
            i.department,
            i.category,
            i.product_type,
            i.package_size,
            i.list_price,
            i.currency,
            i.product_url,
            i.image_url,
            i.availability,
            i.is_deleted,
            i.file_id,
            i.record_no,
            i.fingerprint
        FROM incoming_products AS i
        UNION ALL
        SELECT
            v.source,
            v.external_id,
            v.feed,
            s.seen_at,
            FALSE AS is_incoming,
            v.product_name,
            v.manufacturer_ref,
            v.brand,
            v.department,
            v.category,
            v.product_type,
            v.package_size,
            v.list_price,
            v.currency,
            v.product_url,
            v.image_url,
            v.availability,
            v.is_deleted,
            v.file_id,
            v.record_no,
            v.fingerprint
        FROM core.product_versions AS v
        CROSS JOIN
            LATERAL (VALUES (v.valid_from), (v.confirmed_at)) AS s (seen_at)
        WHERE (v.source, v.external_id) IN (SELECT
            i.source,
            i.external_id
        FROM incoming_products AS i)
    ) AS m
    ORDER BY
        m.source ASC, m.external_id ASC, m.feed ASC, m.seen_at ASC, m.file_id DESC, m.record_no DESC, m.is_incoming DESC
),

compared AS (
    SELECT
        m.source,
        m.external_id,
        m.feed,
        m.seen_at,
        m.product_name,
        m.manufacturer_ref,
        m.brand,
        m.department,
        m.category,
        m.product_type,
        m.package_size,
        m.list_price,
        m.currency,
        m.product_url,
        m.image_url,
        m.availability,
        m.is_deleted,
        m.file_id,
        m.record_no,
        m.fingerprint,
        coalesce(lag(m.fingerprint) OVER w <> m.fingerprint, TRUE) AS is_new
    FROM moments AS m
    WINDOW w AS (PARTITION BY m.source, m.external_id, m.feed ORDER BY m.seen_at)
),

numbered AS (
    SELECT
        c.*,
        count(*) FILTER (WHERE c.is_new) OVER (PARTITION BY c.source, c.external_id, c.feed ORDER BY c.seen_at) AS version_no
    FROM compared AS c
),

confirmed AS (
    SELECT
        n.*,
        max(n.seen_at) OVER (PARTITION BY n.source, n.external_id, n.feed, n.version_no) AS confirmed_at
    FROM numbered AS n
),

history AS MATERIALIZED (
    SELECT
        c.*,
        lead(c.seen_at) OVER (PARTITION BY c.source, c.external_id, c.feed ORDER BY c.seen_at) AS valid_to
    FROM confirmed AS c
    WHERE c.is_new
),

-- A version that is taken apart or that begins earlier than was known.
forgotten AS (
    DELETE FROM core.product_versions AS v
    WHERE
        (v.source, v.external_id) IN (SELECT
            i.source,
            i.external_id
        FROM incoming_products AS i)
        AND NOT EXISTS (
            SELECT FROM history AS h
            WHERE
                h.source = v.source AND h.external_id = v.external_id AND h.feed = v.feed AND h.seen_at = v.valid_from
        )
)

INSERT INTO core.product_versions AS v (
    source, external_id, feed, valid_from, valid_to, confirmed_at, product_name, manufacturer_ref, brand, department,
    category, product_type, package_size, list_price, currency, product_url, image_url, availability, is_deleted,
    file_id, record_no, fingerprint
)
SELECT
    h.source,
    h.external_id,
    h.feed,
    h.seen_at,
    h.valid_to,
    h.confirmed_at,
    h.product_name,
    h.manufacturer_ref,
    h.brand,
    h.department,
    h.category,
    h.product_type,
    h.package_size,
    h.list_price,
    h.currency,
    h.product_url,
    h.image_url,
    h.availability,
    h.is_deleted,
    h.file_id,
    h.record_no,
    h.fingerprint
FROM history AS h
ORDER BY h.source, h.external_id, h.feed, h.seen_at
ON CONFLICT (source, external_id, feed, valid_from) DO UPDATE
    SET
        valid_to = excluded.valid_to,
        confirmed_at = excluded.confirmed_at,
        product_name = excluded.product_name,
        manufacturer_ref = excluded.manufacturer_ref,
        brand = excluded.brand,
        department = excluded.department,
        category = excluded.category,
        product_type = excluded.product_type,
        package_size = excluded.package_size,
        list_price = excluded.list_price,
        currency = excluded.currency,
        product_url = excluded.product_url,
        image_url = excluded.image_url,
        availability = excluded.availability,
        is_deleted = excluded.is_deleted,
        file_id = excluded.file_id,
        record_no = excluded.record_no,
        fingerprint = excluded.fingerprint
    WHERE
    (
        v.valid_to, v.confirmed_at, v.product_name, v.manufacturer_ref, v.brand, v.department, v.category,
        v.product_type, v.package_size, v.list_price, v.currency, v.product_url, v.image_url, v.availability, v.is_deleted,
        v.file_id, v.record_no, v.fingerprint
    )
    IS DISTINCT FROM (
        excluded.valid_to, excluded.confirmed_at, excluded.product_name, excluded.manufacturer_ref, excluded.brand,
        excluded.department, excluded.category, excluded.product_type, excluded.package_size, excluded.list_price,
        excluded.currency, excluded.product_url, excluded.image_url, excluded.availability, excluded.is_deleted,
        excluded.file_id, excluded.record_no, excluded.fingerprint
    );
