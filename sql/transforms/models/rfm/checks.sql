-- check: customer_without_segment (stop)
SELECT
    (
        SELECT count(*) FROM features.purchase_summaries AS f
        WHERE f.run_id = %(run_id)s
    )
    - (
        SELECT count(*) FROM models.rfm AS m
        WHERE m.run_id = %(run_id)s
    );

-- check: equal_values_with_unequal_scores (stop)
SELECT count(*)
FROM (
    SELECT f.frequency
    FROM features.purchase_summaries AS f
    INNER JOIN models.rfm AS m ON f.run_id = m.run_id AND f.customer_id = m.customer_id
    WHERE f.run_id = %(run_id)s
    GROUP BY f.frequency
    HAVING min(m.frequency_score) <> max(m.frequency_score)
) AS s;
