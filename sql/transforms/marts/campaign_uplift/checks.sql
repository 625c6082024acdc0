-- check: intervals_without_their_estimate (stop)
SELECT count(*)
FROM marts.campaign_uplift AS m
WHERE
    m.difference_low > m.difference OR m.difference > m.difference_high OR m.relative_low > m.relative
    OR m.relative > m.relative_high OR m.incremental_low > m.incremental OR m.incremental > m.incremental_high;

-- check: of_no_arm (stop)
SELECT count(*)
FROM marts.campaign_uplift AS m
WHERE
    NOT EXISTS (
        SELECT FROM marts.campaign_arms AS a
        WHERE
            m.campaign = a.campaign AND m.channel = a.channel AND m.breakdown = a.breakdown AND m.part = a.part
            AND a.arm = 'treated' AND m.people = a.people
    );
