-- step: catalogue
-- What the newest record of each feed says, put together: of several the one that changed last counts, and where it says
-- nothing the next; a price goes with its currency. A product that was taken out keeps its description, since old orders
-- show it; it is out when all feeds that had it have taken it out. Most products are of one feed.
WITH described AS (
    SELECT DISTINCT ON (d.source, d.external_id, d.feed) d.*
    FROM core.product_versions AS d
    WHERE (d.source, d.external_id) IN (SELECT
        i.source,
        i.external_id
    FROM incoming_products AS i)
    ORDER BY
        d.source ASC, d.external_id ASC, d.feed ASC,
        -- a deletion may say nothing else
        d.is_deleted AND d.category IS NULL AND d.product_name IS NULL AND d.department IS NULL ASC,
        d.valid_from DESC
),

records AS MATERIALIZED (
    SELECT
        d.source,
        d.external_id,
        d.product_name,
        d.manufacturer_ref,
        d.brand,
        d.department,
        d.category,
        d.product_type,
        d.package_size,
        d.list_price,
        d.currency,
        d.product_url,
        d.image_url,
        d.availability,
        v.is_deleted,
        row_number() OVER w AS place,
        count(*) OVER (PARTITION BY d.source, d.external_id) AS number_of_records
    FROM described AS d
    INNER JOIN core.product_versions AS v
        ON d.source = v.source AND d.external_id = v.external_id AND d.feed = v.feed AND v.valid_to IS NULL
    WINDOW
        w AS (
            PARTITION BY d.source, d.external_id
            ORDER BY v.is_deleted ASC, v.valid_from DESC, v.file_id DESC, v.record_no DESC, v.feed ASC
        )
),

complete AS (
    SELECT
        r.source,
        r.external_id,
        r.product_name,
        r.manufacturer_ref,
        r.brand,
        r.department,
        r.category,
        r.product_type,
        r.package_size,
        r.list_price,
        r.currency,
        r.product_url,
        r.image_url,
        r.availability,
        NOT r.is_deleted AS in_catalogue
    FROM records AS r
    WHERE r.number_of_records = 1
    UNION ALL
    SELECT
        r.source,
        r.external_id,
        (array_agg(r.product_name ORDER BY r.place) FILTER (WHERE r.product_name IS NOT NULL))[1] AS product_name,
        (array_agg(r.manufacturer_ref ORDER BY r.place) FILTER (WHERE r.manufacturer_ref IS NOT NULL))[1] AS manufacturer_ref,
        (array_agg(r.brand ORDER BY r.place) FILTER (WHERE r.brand IS NOT NULL))[1] AS brand,
        (array_agg(r.department ORDER BY r.place) FILTER (WHERE r.department IS NOT NULL))[1] AS department,
        (array_agg(r.category ORDER BY r.place) FILTER (WHERE r.category IS NOT NULL))[1] AS category,
        (array_agg(r.product_type ORDER BY r.place) FILTER (WHERE r.product_type IS NOT NULL))[1] AS product_type,
        (array_agg(r.package_size ORDER BY r.place) FILTER (WHERE r.package_size IS NOT NULL))[1] AS package_size,
        (array_agg(r.list_price ORDER BY r.place) FILTER (WHERE r.list_price IS NOT NULL))[1] AS list_price,
        (array_agg(r.currency ORDER BY r.place) FILTER (WHERE r.list_price IS NOT NULL))[1] AS currency,
        (array_agg(r.product_url ORDER BY r.place) FILTER (WHERE r.product_url IS NOT NULL))[1] AS product_url,
        (array_agg(r.image_url ORDER BY r.place) FILTER (WHERE r.image_url IS NOT NULL))[1] AS image_url,
        (array_agg(r.availability ORDER BY r.place) FILTER (WHERE r.availability IS NOT NULL))[1] AS availability,
        NOT bool_and(r.is_deleted) AS in_catalogue
    FROM records AS r
    WHERE r.number_of_records > 1
    GROUP BY r.source, r.external_id
)

INSERT INTO core.products AS p (
    source, external_id, product_name, manufacturer_ref, brand, department, category, product_type, package_size,
    list_price, currency, product_url, image_url, availability, in_catalogue, updated_at
)
SELECT
    n.source,
    n.external_id,
    n.product_name,
    n.manufacturer_ref,
    n.brand,
    n.department,
    n.category,
    n.product_type,
    n.package_size,
    n.list_price,
    n.currency,
    n.product_url,
    n.image_url,
    n.availability,
    n.in_catalogue,
    %(now)s
FROM complete AS n
ORDER BY n.source, length(n.external_id), n.external_id
ON CONFLICT (source, external_id) DO UPDATE
    SET
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
        in_catalogue = excluded.in_catalogue,
        updated_at = excluded.updated_at
    WHERE
    (
        p.product_name, p.manufacturer_ref, p.brand, p.department, p.category, p.product_type, p.package_size,
        p.list_price, p.currency, p.product_url, p.image_url, p.availability, p.in_catalogue
    )
    IS DISTINCT FROM (
        excluded.product_name, excluded.manufacturer_ref, excluded.brand, excluded.department, excluded.category,
        excluded.product_type, excluded.package_size, excluded.list_price, excluded.currency, excluded.product_url,
        excluded.image_url, excluded.availability, excluded.in_catalogue
    );

-- step: sold_only
-- Products that were sold and that no catalogue names, so that every order line has its product.
INSERT INTO core.products (source, external_id, in_catalogue, updated_at)
SELECT
    s.source,
    s.external_id,
    FALSE AS in_catalogue,
    %(now)s
FROM (
    SELECT DISTINCT
        l.system AS source,
        i.product_ref AS external_id
    FROM incoming_products_sold AS i
    INNER JOIN merging_loads AS l ON i.load_id = l.load_id
) AS s
WHERE
    NOT EXISTS (
        SELECT FROM core.products AS p
        WHERE p.source = s.source AND p.external_id = s.external_id
    )
ORDER BY s.source, length(s.external_id), s.external_id;
