-- check: customer_without_segment (stop)
SELECT
    CASE
        WHEN %(aside)s THEN (SELECT count(*) FROM pg_temp.purchases)
        ELSE (SELECT count(*) FROM features.purchase_summaries)
    END
    - (
        SELECT count(*) FROM models.rfm AS m
        WHERE m.run_id = %(run_id)s
    );
