-- step: merge
MERGE INTO marts.campaign_recommendations AS m
USING (
    WITH proposed AS (
        SELECT
            r.customer_id,
            r.campaign_id,
            coalesce(c.campaign_name, c.theme || ' ' || c.external_id, c.external_id) AS campaign_name,
            r.rank,
            r.customer_rank,
            r.score,
            r.reason,
            r.run_id AS model_run_id
        FROM models.published AS p
        INNER JOIN models.campaign_recommendations AS r ON p.run_id = r.run_id
        INNER JOIN core.campaigns AS c ON r.campaign_id = c.campaign_id
        WHERE
            p.model = 'campaign_recommendations'
            AND NOT c.is_deleted
            -- who has turned out to be another customer since has hers
            AND r.customer_id NOT IN (
                SELECT u.customer_id FROM core.customers AS u
                WHERE u.merged_into IS NOT NULL OR u.is_deleted
            )
    )

    SELECT f.* FROM proposed AS f
) AS p ON m.customer_id = p.customer_id AND m.campaign_id = p.campaign_id
WHEN MATCHED
AND (m.campaign_name, m.rank, m.customer_rank, m.score, m.reason, m.model_run_id)
IS DISTINCT FROM (p.campaign_name, p.rank, p.customer_rank, p.score, p.reason, p.model_run_id)
THEN
    UPDATE
        SET
            campaign_name = p.campaign_name,
            rank = p.rank,
            customer_rank = p.customer_rank,
            score = p.score,
            reason = p.reason,
            model_run_id = p.model_run_id
WHEN NOT MATCHED
THEN
    INSERT (customer_id, campaign_id, campaign_name, rank, customer_rank, score, reason, model_run_id)
    VALUES (p.customer_id, p.campaign_id, p.campaign_name, p.rank, p.customer_rank, p.score, p.reason, p.model_run_id);

-- step: forget
DELETE FROM marts.campaign_recommendations AS m
WHERE
    NOT EXISTS (
        SELECT FROM models.published AS p
        INNER JOIN models.campaign_recommendations AS r ON p.run_id = r.run_id
        INNER JOIN core.campaigns AS c ON r.campaign_id = c.campaign_id
        WHERE
            p.model = 'campaign_recommendations'
            AND r.customer_id = m.customer_id
            AND r.campaign_id = m.campaign_id
            AND NOT c.is_deleted
    )
    OR m.customer_id IN (
        SELECT u.customer_id FROM core.customers AS u
        WHERE u.merged_into IS NOT NULL OR u.is_deleted
    );
