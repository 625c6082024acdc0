-- check: product_not_in_catalogue (warn)
SELECT count(*)
FROM core.products AS p
WHERE
    NOT p.in_catalogue
    AND (p.source, p.external_id) IN (
        SELECT
            l.system,
            i.product_ref
        FROM incoming_products_sold AS i
        INNER JOIN merging_loads AS l ON i.load_id = l.load_id
    );
