-- check: yes_without_a_time (warn)
SELECT count(*)
FROM raw.customers AS r
WHERE r.load_id = any(%(load_ids)s::bigint[]) AND r.email_consent AND r.consent_at IS NULL AND NOT r.is_deleted;
