-- check: customer_missing (stop)
SELECT count(*)
FROM core.feedback AS c
INNER JOIN raw.feedback AS r ON c.external_id = r.feedback_ref AND c.file_id = r.file_id
INNER JOIN merging_loads AS l ON r.load_id = l.load_id AND c.source = l.system
WHERE r.customer_ref IS NOT NULL AND c.customer_id IS NULL;
