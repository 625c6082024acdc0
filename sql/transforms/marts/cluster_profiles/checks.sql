-- check: two_of_one_name (warn)
SELECT count(*) - count(DISTINCT m.name)
FROM marts.cluster_profiles AS m;

-- check: customers_without_cluster (warn)
-- The shares of all clusters are those of everybody.
SELECT count(*)
FROM (SELECT sum(m.share) AS share FROM marts.cluster_profiles AS m) AS t
WHERE abs(t.share - 1) > 0.001;
