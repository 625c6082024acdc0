-- Statements of the simulation: whom the demo's campaigns reached. Only customers who are made up themselves.

-- name: messages
-- What is known of caught mails, by Message-ID: of real customers' and trial messages nothing.
SELECT
    s.message_id,
    s.campaign,
    coalesce(s.variant, '') AS arm,
    i.external_id AS customer_ref
FROM activation.sends AS s
INNER JOIN core.customer_identifiers AS i ON s.customer_id = i.customer_id AND i.source = %(system)s
WHERE s.message_id = any(%(message_ids)s::text[]) AND s.state = 'sent' AND s.is_simulated AND NOT s.is_test
ORDER BY s.message_id;

-- name: people
-- Whom a campaign chose: those who got it, those who were to get it and did not, and those whom its experiment, or the shop,
-- held out.
SELECT DISTINCT ON (i.external_id)
    p.campaign,
    coalesce(m.variant, '') AS arm,
    i.external_id AS customer_ref,
    s.send_id IS NOT NULL AS sent
FROM activation.plans AS p
INNER JOIN activation.plan_members AS m ON p.plan_id = m.plan_id
INNER JOIN core.customers AS c ON m.customer_id = c.customer_id AND c.is_simulated
INNER JOIN core.customer_identifiers AS i ON c.customer_id = i.customer_id AND i.source = %(system)s
LEFT JOIN activation.sends AS s
    ON m.plan_id = s.plan_id AND m.customer_id = s.customer_id AND s.state = 'sent' AND s.is_simulated AND NOT s.is_test
WHERE
    p.campaign = %(campaign)s AND p.state = 'released' AND NOT p.is_dry_run
    AND (s.send_id IS NOT NULL OR m.outcome IN ('planned', 'experiment_holdout', 'holdout'))
ORDER BY i.external_id ASC, p.plan_id DESC;

-- name: last_sent
SELECT max(s.settled_at) AS last_sent_at
FROM activation.sends AS s
WHERE
    (%(campaign)s::text IS NULL OR s.campaign = %(campaign)s)
    AND s.state = 'sent' AND s.is_simulated AND NOT s.is_test;

-- name: tracked
SELECT count(*) AS events
FROM activation.tracking_events AS t
WHERE t.is_simulated;
