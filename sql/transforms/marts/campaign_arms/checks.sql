-- check: impossible_sums (stop)
-- Cauchy and Schwarz: n times the sum of squares is never less than the square of the sum.
SELECT count(*)
FROM marts.campaign_arms AS m
WHERE m.buyers > m.people OR m.sent > m.people OR m.people * m.revenue_squares < m.revenue * m.revenue;

-- check: held_out_and_written_to (warn)
SELECT count(*)
FROM marts.campaign_arms AS m
WHERE m.arm = 'control' AND m.sent > 0;
