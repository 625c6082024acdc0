-- check: in_two_segments_now (warn)
SELECT count(*) - count(DISTINCT m.customer_id)
FROM marts.segment_memberships AS m
WHERE m.left_on IS NULL;
