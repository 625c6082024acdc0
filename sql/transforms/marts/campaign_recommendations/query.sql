-- step: forget_proposed
DROP TABLE IF EXISTS pg_temp.proposed_campaigns;

-- step: note_proposed
-- The published run's rows without what no longer holds.
CREATE TEMPORARY TABLE proposed_campaigns ON COMMIT DROP AS
SELECT
    r.customer_id,
    r.campaign_id,
    coalesce(c.campaign_name, c.theme || ' ' || c.external_id, c.external_id) AS campaign_name,
    r.rank,
    r.customer_rank,
    r.score,
    r.reason,
    r.run_id AS model_run_id
FROM models.campaign_recommendations AS r
INNER JOIN models.runs AS u ON r.run_id = u.run_id
INNER JOIN core.campaigns AS c ON r.campaign_id = c.campaign_id
INNER JOIN core.customers AS o ON r.customer_id = o.customer_id
WHERE
    r.run_id = %(campaign_recommendations_run)s::bigint
    AND NOT c.is_deleted
    -- over since the run; one without a last day runs four weeks, as the model has it
    AND coalesce(c.ends_on, c.starts_on + 28) >= greatest(%(as_of)s::date, u.as_of)
    -- who has turned out to be another customer since has hers
    AND o.merged_into IS NULL
    AND NOT o.is_deleted;

-- step: count
ANALYZE pg_temp.proposed_campaigns;

-- step: forget
DELETE FROM marts.campaign_recommendations AS m
WHERE
    NOT EXISTS (
        SELECT FROM proposed_campaigns AS p
        WHERE p.customer_id = m.customer_id AND p.campaign_id = m.campaign_id
    );

-- step: merge
MERGE INTO marts.campaign_recommendations AS m
USING proposed_campaigns AS p ON m.customer_id = p.customer_id AND m.campaign_id = p.campaign_id
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
