-- check: not_one_newest_version (stop)
SELECT count(*)
FROM (
    SELECT v.external_id
    FROM core.product_versions AS v
    WHERE (v.source, v.external_id) IN (SELECT
        i.source,
        i.external_id
    FROM incoming_products AS i)
    GROUP BY v.source, v.external_id, v.feed
    HAVING count(*) FILTER (WHERE v.valid_to IS NULL) <> 1
) AS s;
