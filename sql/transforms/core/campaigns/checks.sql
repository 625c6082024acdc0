-- check: record_missing (stop)
SELECT count(*)
FROM raw.campaigns AS r
INNER JOIN merging_loads AS l ON r.load_id = l.load_id
WHERE NOT EXISTS (
    SELECT FROM core.campaigns AS c
    WHERE c.source = l.system AND c.external_id = r.campaign_ref
);
