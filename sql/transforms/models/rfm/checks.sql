-- check: scores_without_segment (stop)
-- With a segment for each of the 5 x 5 x 5 there can be, which their table holds once and no others, nobody is left out.
SELECT 125 - count(*) FROM models.rfm_segment_rules;
