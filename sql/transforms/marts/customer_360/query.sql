-- step: replace
DELETE FROM marts.customer_360;

-- step: fill
INSERT INTO marts.customer_360 (
    customer_id, segment, recency_days, frequency, monetary, recency_score, frequency_score, monetary_score,
    orders, revenue, currency, first_order_on, last_order_on, campaigns_received, coupons_redeemed,
    email_contact_point_id, email_consent, locale, time_zone, country, age_band, income_band, home_ownership,
    marital_status, household_size, household_composition, kids_count, is_simulated, is_test
)
WITH purchases AS (
    SELECT
        o.customer_id,
        count(*) AS orders,
        sum(o.revenue) AS revenue,
        -- in the spine a customer buys in one currency; where it is not so, the revenue would mix them: see checks.sql
        min(o.currency) AS currency,
        min(o.ordered_on) AS first_order_on,
        max(o.ordered_on) AS last_order_on
    FROM core.orders AS o
    WHERE o.customer_id IS NOT NULL
    GROUP BY o.customer_id
),

behaviour AS (
    SELECT
        e.customer_id,
        count(*) FILTER (WHERE e.event_type = 'campaign_received') AS campaigns_received,
        count(*) FILTER (WHERE e.event_type = 'coupon_redeemed') AS coupons_redeemed
    FROM core.events AS e
    WHERE e.customer_id IS NOT NULL
    GROUP BY e.customer_id
),

-- The address that we write to: the one known longest.
addresses AS (
    SELECT DISTINCT ON (cp.customer_id)
        cp.customer_id,
        cp.contact_point_id,
        coalesce(c.granted, FALSE) AND x.address_hash IS NULL AS may_write
    FROM core.contact_points AS cp
    LEFT JOIN privacy.consents AS c
        ON cp.contact_point_id = c.contact_point_id AND c.channel = 'email' AND c.purpose = 'marketing'
    LEFT JOIN privacy.suppressions AS x ON cp.channel = x.channel AND cp.address_hash = x.address_hash
    WHERE cp.channel = 'email' AND cp.customer_id IS NOT NULL
    ORDER BY cp.customer_id, cp.contact_point_id
),

rfm AS (
    SELECT
        m.customer_id,
        m.segment,
        f.recency_days,
        f.frequency,
        f.monetary,
        m.recency_score,
        m.frequency_score,
        m.monetary_score
    FROM models.published AS p
    INNER JOIN models.rfm AS m ON p.run_id = m.run_id
    INNER JOIN features.purchase_summaries AS f ON m.run_id = f.run_id AND m.customer_id = f.customer_id
    WHERE p.model = 'rfm'
)

SELECT
    c.customer_id,
    r.segment,
    r.recency_days,
    r.frequency,
    r.monetary,
    r.recency_score,
    r.frequency_score,
    r.monetary_score,
    coalesce(p.orders, 0),
    coalesce(p.revenue, 0),
    p.currency,
    p.first_order_on,
    p.last_order_on,
    coalesce(b.campaigns_received, 0),
    coalesce(b.coupons_redeemed, 0),
    a.contact_point_id,
    coalesce(a.may_write, FALSE),
    c.locale,
    c.time_zone,
    c.country,
    c.age_band,
    c.income_band,
    c.home_ownership,
    c.marital_status,
    c.household_size,
    c.household_composition,
    c.kids_count,
    c.is_simulated,
    c.is_test
FROM core.customers AS c
LEFT JOIN purchases AS p ON c.customer_id = p.customer_id
LEFT JOIN behaviour AS b ON c.customer_id = b.customer_id
LEFT JOIN addresses AS a ON c.customer_id = a.customer_id
LEFT JOIN rfm AS r ON c.customer_id = r.customer_id;
