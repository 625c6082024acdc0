-- step: forget
DELETE FROM marts.campaign_uplift;

-- step: fill
-- Computed by marketflow.evaluation.uplift from the sums of marts.campaign_arms.
INSERT INTO marts.campaign_uplift (
    campaign, channel, breakdown, part, measure, control, people, control_people, buyers, control_buyers, value,
    control_value, difference, difference_low, difference_high, p_value, relative, relative_low, relative_high,
    incremental, incremental_low, incremental_high, cost, return_on_cost, return_low, return_high, confidence,
    has_enough, waiting, is_simulated
)
SELECT
    u.campaign,
    u.channel,
    u.breakdown,
    u.part,
    u.measure,
    u.control,
    u.people,
    u.control_people,
    u.buyers,
    u.control_buyers,
    u.value,
    u.control_value,
    u.difference,
    u.difference_low,
    u.difference_high,
    u.p_value,
    u.relative,
    u.relative_low,
    u.relative_high,
    u.incremental,
    u.incremental_low,
    u.incremental_high,
    u.cost,
    u.return_on_cost,
    u.return_low,
    u.return_high,
    u.confidence,
    u.has_enough,
    u.waiting,
    u.is_simulated
FROM jsonb_populate_recordset(NULL::marts.campaign_uplift, %(uplift)s::jsonb) AS u;
