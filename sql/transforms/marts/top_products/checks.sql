-- check: fewer_than_ten (warn)
SELECT (count(*) < 10)::integer
FROM marts.top_products AS m
WHERE m.week_ending_on > %(as_of)s::date - 7;
