-- check: answer_of_nobody (stop)
SELECT count(*)
FROM incoming_answers AS a
WHERE
    a.customer_ref IS NOT NULL
    AND NOT EXISTS (
        SELECT FROM core.customer_identifiers AS i
        WHERE i.source = a.source AND i.external_id = a.customer_ref
    );
