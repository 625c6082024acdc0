-- check: not_one_newest_version (stop)
-- Of a feed one or, when another feed's deletion ended what it said, none; of a number at least one.
SELECT count(*)
FROM (
    SELECT v.external_id
    FROM core.customer_versions AS v
    WHERE (v.source, v.external_id) IN (SELECT
        i.source,
        i.external_id
    FROM incoming_customers AS i)
    GROUP BY v.source, v.external_id
    HAVING
        count(*) FILTER (WHERE v.valid_to IS NULL) = 0
        OR count(*) FILTER (WHERE v.valid_to IS NULL) > count(DISTINCT v.feed) FILTER (WHERE v.valid_to IS NULL)
) AS s;
