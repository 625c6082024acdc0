-- What conditions of audiences may ask for beside marts.customer_360, and why somebody got a campaign or did not.

-- The names of events that have ever come: a condition that names another one is refused with the nearest of these.
CREATE TABLE core.event_types (
    event_type text PRIMARY KEY,
    first_seen_at timestamptz NOT NULL
);
INSERT INTO core.event_types (event_type, first_seen_at)
SELECT
    e.event_type,
    min(e.occurred_at) AS first_seen_at
FROM core.events AS e
GROUP BY e.event_type;

-- No sum per day: PostgreSQL leaves out the months that are not asked for, and the product where nobody asks for it.
CREATE VIEW marts.customer_events AS
SELECT
    e.occurred_on,
    e.event_id,
    e.customer_id,
    e.event_type,
    e.occurred_at,
    p.product_id,
    e.properties ->> 'campaign' AS campaign_ref,
    e.properties ->> 'coupon' AS coupon_ref
FROM core.events AS e
LEFT JOIN core.products AS p
    ON e.source = p.source AND coalesce(e.properties ->> 'product', e.properties ->> 'product_id') = p.external_id
WHERE e.customer_id IS NOT NULL;

CREATE VIEW marts.segment_memberships AS
SELECT
    h.customer_id,
    h.segment,
    h.entered_on,
    h.left_on
FROM models.segment_memberships AS h;

CREATE VIEW marts.campaign_sends AS
SELECT
    s.send_id,
    s.campaign,
    s.occasion,
    s.channel,
    s.step,
    s.plan_id,
    -- the ledger keeps the customer that it was planned for, who may have turned out to be another one since
    coalesce(c.merged_into, s.customer_id) AS customer_id,
    s.purpose,
    s.definition_version,
    s.state,
    s.reason,
    s.attempts,
    s.planned_at,
    s.released_at,
    CASE WHEN s.state = 'sent' THEN s.settled_at END AS sent_at,
    s.is_test
FROM activation.sends AS s
LEFT JOIN core.customers AS c ON s.customer_id = c.customer_id;

CREATE VIEW marts.campaign_members AS
SELECT
    m.plan_id,
    p.campaign,
    m.occasion,
    p.channel,
    m.customer_id,
    p.business_date,
    p.is_dry_run,
    p.definition_version,
    p.definition -> 'campaign' -> 'audience' ->> 'where' AS rule,
    p.state AS plan_state,
    p.planned_at,
    m.outcome,
    s.send_id,
    s.state AS send_state,
    s.reason AS send_reason,
    CASE WHEN s.state = 'sent' THEN s.settled_at END AS sent_at
FROM activation.plan_members AS m
INNER JOIN activation.plans AS p ON m.plan_id = p.plan_id
LEFT JOIN activation.sends AS s
    ON
        p.campaign = s.campaign AND m.occasion = s.occasion AND m.contact_point_id = s.contact_point_id
        AND p.channel = s.channel AND s.step = 0 AND NOT p.is_dry_run;

GRANT SELECT ON marts.customer_events, marts.segment_memberships, marts.campaign_sends, marts.campaign_members
TO marketflow_sender, marketflow_audience, marketflow_analyst;
