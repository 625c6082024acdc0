-- step: replace
DELETE FROM marts.cluster_profiles;

-- step: show
-- Those of the published run; none where there is none, or where it is too old to be read.
INSERT INTO marts.cluster_profiles (cluster_id, name, description, customers, share, revenue_share, as_of)
SELECT
    p.cluster_id,
    p.name,
    p.description,
    p.customers,
    p.share,
    p.revenue_share,
    r.as_of
FROM models.cluster_profiles AS p
INNER JOIN models.runs AS r ON p.run_id = r.run_id
WHERE p.run_id = %(clusters_run)s::bigint
ORDER BY p.cluster_id;
