-- check: pages_of_the_future (warn)
SELECT count(*)
FROM core.click_pages AS p
WHERE p.occurred_on > (%(now)s::timestamptz + interval '7 days')::date;
