-- step: catalogue
-- What the newest record says; a product that was taken out keeps its description, since old orders show it.
INSERT INTO core.products AS p (
    source, external_id, product_name, manufacturer_ref, brand, department, category, product_type, package_size,
    list_price, currency, product_url, image_url, in_catalogue, updated_at
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
    NOT v.is_deleted AS in_catalogue,
    %(now)s
FROM (
    SELECT DISTINCT ON (d.source, d.external_id) d.*
    FROM core.product_versions AS d
    WHERE (d.source, d.external_id) IN (SELECT
        i.source,
        i.external_id
    FROM incoming_products AS i)
    ORDER BY
        d.source ASC, d.external_id ASC,
        -- a deletion may say nothing else
        d.is_deleted AND d.category IS NULL AND d.product_name IS NULL AND d.department IS NULL ASC,
        d.valid_from DESC
) AS n
INNER JOIN core.product_versions AS v ON n.source = v.source AND n.external_id = v.external_id AND v.valid_to IS NULL
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
        in_catalogue = excluded.in_catalogue,
        updated_at = excluded.updated_at
    WHERE
    (
        p.product_name, p.manufacturer_ref, p.brand, p.department, p.category, p.product_type, p.package_size,
        p.list_price, p.currency, p.product_url, p.image_url, p.in_catalogue
    )
    IS DISTINCT FROM (
        excluded.product_name, excluded.manufacturer_ref, excluded.brand, excluded.department, excluded.category,
        excluded.product_type, excluded.package_size, excluded.list_price, excluded.currency, excluded.product_url,
        excluded.image_url, excluded.in_catalogue
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
