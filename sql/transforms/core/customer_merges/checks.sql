-- check: merged_customer_has_something (stop)
SELECT count(*)
FROM core.customer_identifiers AS i
INNER JOIN same_customers AS s ON i.customer_id = s.merged_customer_id;

-- check: two_numbers_of_one_system (stop)
SELECT count(*)
FROM (
    SELECT i.customer_id
    FROM core.customer_identifiers AS i
    WHERE
        i.customer_id IN (
            SELECT s.kept_customer_id FROM same_customers AS s
            UNION
            SELECT p.customer_id FROM same_people AS p
        )
        AND i.joined_by IS DISTINCT FROM 'sign_in'
    GROUP BY i.customer_id, i.source
    HAVING count(*) > 1
) AS t;
