-- step: catalogue
INSERT INTO core.products AS p (
    source, external_id, manufacturer_ref, brand, department, category, product_type, package_size, in_catalogue, updated_at
)
SELECT
    %(source)s,
    n.product_ref,
    n.manufacturer_ref,
    n.brand,
    n.department,
    n.category,
    n.product_type,
    n.package_size,
    TRUE AS in_catalogue,
    %(now)s
FROM (
    SELECT DISTINCT ON (r.product_ref) r.*
    FROM raw.products AS r
    WHERE r.load_id = any(%(load_ids)s::bigint[])
    ORDER BY r.product_ref ASC, r.file_id DESC, r.record_no DESC
) AS n
ORDER BY length(n.product_ref), n.product_ref
ON CONFLICT (source, external_id) DO UPDATE
    SET
        manufacturer_ref = excluded.manufacturer_ref,
        brand = excluded.brand,
        department = excluded.department,
        category = excluded.category,
        product_type = excluded.product_type,
        package_size = excluded.package_size,
        in_catalogue = TRUE,
        updated_at = excluded.updated_at
    WHERE
    (p.manufacturer_ref, p.brand, p.department, p.category, p.product_type, p.package_size, p.in_catalogue)
    IS DISTINCT FROM (
        excluded.manufacturer_ref, excluded.brand, excluded.department, excluded.category, excluded.product_type,
        excluded.package_size, TRUE
    );

-- step: sold_only
-- Products that were sold and that no catalogue names, so that every order line has its product.
INSERT INTO core.products (source, external_id, in_catalogue, updated_at)
SELECT
    %(source)s,
    s.product_ref,
    FALSE AS in_catalogue,
    %(now)s
FROM (
    SELECT DISTINCT r.product_ref FROM raw.order_lines AS r
    WHERE r.load_id = any(%(load_ids)s::bigint[])
) AS s
WHERE
    NOT EXISTS (
        SELECT FROM core.products AS p
        WHERE p.source = %(source)s AND p.external_id = s.product_ref
    )
ORDER BY length(s.product_ref), s.product_ref;
