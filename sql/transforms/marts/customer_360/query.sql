-- step: merge
-- Nothing of a later day than the marts' own is counted. A customer who turned out to be another one has no row; her orders
-- are the other's. What was given back is taken off the revenue, and is no order. Money is in the currency that the customer paid with most often;
-- other currencies are left out of the sum rather than added up with it.
MERGE INTO marts.customer_360 AS m
USING (
    WITH totals AS (
        SELECT
            o.customer_id,
            o.currency,
            count(*) FILTER (WHERE o.kind = 'sale') AS orders,
            sum(o.revenue) AS revenue,
            min(o.ordered_on) FILTER (WHERE o.kind = 'sale') AS first_order_on,
            max(o.ordered_on) FILTER (WHERE o.kind = 'sale') AS last_order_on
        FROM core.orders AS o
        WHERE o.customer_id IS NOT NULL AND o.ordered_on <= %(as_of)s::date
        GROUP BY o.customer_id, o.currency
    ),

    bought AS (
        SELECT DISTINCT ON (t.customer_id)
            t.customer_id,
            t.currency,
            t.revenue,
            sum(t.orders) OVER w AS orders,
            min(t.first_order_on) OVER w AS first_order_on,
            max(t.last_order_on) OVER w AS last_order_on
        FROM totals AS t
        WINDOW w AS (PARTITION BY t.customer_id)
        ORDER BY t.customer_id ASC, t.orders DESC, t.currency ASC
    ),

    answered AS (
        SELECT
            e.customer_id,
            count(*) FILTER (WHERE e.event_type = 'campaign_received') AS campaigns_received,
            count(*) FILTER (WHERE e.event_type = 'coupon_redeemed') AS coupons_redeemed
        FROM core.events AS e
        WHERE e.occurred_on <= %(as_of)s::date
        GROUP BY e.customer_id
    ),

    reached AS (
        SELECT
            a.customer_id,
            a.contact_point_id,
            coalesce(c.granted, FALSE) AND s.address_hash IS NULL AS consent
        FROM core.current_addresses AS a
        INNER JOIN core.contact_points AS p ON a.contact_point_id = p.contact_point_id
        LEFT JOIN privacy.consents AS c
            ON p.contact_point_id = c.contact_point_id AND c.channel = 'email' AND c.purpose = 'marketing'
        LEFT JOIN privacy.suppressions AS s ON p.channel = s.channel AND p.address_hash = s.address_hash
    ),

    scored AS (
        SELECT
            m.customer_id,
            m.segment,
            m.recency_days,
            m.frequency,
            m.monetary,
            m.recency_score,
            m.frequency_score,
            m.monetary_score
        FROM models.rfm AS m
        WHERE m.run_id = %(rfm_run)s
    ),

    -- what models foresee: each as of its own published run, and empty while there is none
    foreseen AS (
        SELECT
            c.customer_id,
            h.segment AS remembered_segment,
            h.entered_on AS segment_since,
            p.name AS cluster,
            v.alive_probability,
            v.expected_orders,
            v.customer_value,
            r.churn_days,
            r.churn_probability,
            r.reasons[1] AS churn_reason,
            n.expected_on AS next_order_on,
            n.earliest_on AS next_order_earliest_on,
            n.latest_on AS next_order_latest_on,
            t.best_hour,
            t.best_weekday
        FROM core.customers AS c
        LEFT JOIN models.segment_memberships AS h ON c.customer_id = h.customer_id AND h.left_on IS NULL
        LEFT JOIN models.clusters AS g ON c.customer_id = g.customer_id AND g.run_id = %(clusters_run)s::bigint
        LEFT JOIN models.cluster_profiles AS p ON g.run_id = p.run_id AND g.cluster_id = p.cluster_id
        LEFT JOIN models.customer_values AS v
            ON c.customer_id = v.customer_id AND v.run_id = %(customer_values_run)s::bigint
        LEFT JOIN models.churn_risks AS r
            ON c.customer_id = r.customer_id AND r.run_id = %(churn_risks_run)s::bigint
        LEFT JOIN models.next_orders AS n
            ON c.customer_id = n.customer_id AND n.run_id = %(next_orders_run)s::bigint
        LEFT JOIN models.send_times AS t ON c.customer_id = t.customer_id AND t.run_id = %(send_times_run)s::bigint
        WHERE c.merged_into IS NULL
    ),

    known AS (
        SELECT
            c.customer_id,
            s.segment,
            s.recency_days,
            s.frequency,
            s.monetary,
            s.recency_score,
            s.frequency_score,
            s.monetary_score,
            CASE WHEN f.remembered_segment = s.segment THEN f.segment_since END AS segment_since,
            f.cluster,
            f.alive_probability,
            f.expected_orders,
            f.customer_value,
            f.churn_days,
            f.churn_probability,
            f.churn_reason,
            f.next_order_on,
            f.next_order_earliest_on,
            f.next_order_latest_on,
            f.best_hour,
            f.best_weekday,
            coalesce(b.orders, 0)::integer AS orders,
            coalesce(b.revenue, 0) AS revenue,
            b.currency,
            b.first_order_on,
            b.last_order_on,
            coalesce(a.campaigns_received, 0)::integer AS campaigns_received,
            coalesce(a.coupons_redeemed, 0)::integer AS coupons_redeemed,
            r.contact_point_id AS email_contact_point_id,
            coalesce(r.consent, FALSE) AS email_consent,
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
        LEFT JOIN scored AS s ON c.customer_id = s.customer_id
        LEFT JOIN bought AS b ON c.customer_id = b.customer_id
        LEFT JOIN answered AS a ON c.customer_id = a.customer_id
        LEFT JOIN reached AS r ON c.customer_id = r.customer_id
        LEFT JOIN foreseen AS f ON c.customer_id = f.customer_id
        WHERE c.merged_into IS NULL
    )

    SELECT n.* FROM known AS n
) AS k ON m.customer_id = k.customer_id
WHEN MATCHED
AND (
    m.segment, m.recency_days, m.frequency, m.monetary, m.recency_score, m.frequency_score, m.monetary_score, m.orders,
    m.revenue, m.currency, m.first_order_on, m.last_order_on, m.campaigns_received, m.coupons_redeemed,
    m.email_contact_point_id, m.email_consent, m.locale, m.time_zone, m.country, m.age_band, m.income_band,
    m.home_ownership, m.marital_status, m.household_size, m.household_composition, m.kids_count, m.is_simulated,
    m.is_test,
    m.segment_since, m.cluster, m.alive_probability, m.expected_orders, m.customer_value, m.churn_days,
    m.churn_probability, m.churn_reason, m.next_order_on, m.next_order_earliest_on, m.next_order_latest_on,
    m.best_hour, m.best_weekday
) IS DISTINCT FROM (
    k.segment, k.recency_days, k.frequency, k.monetary, k.recency_score, k.frequency_score, k.monetary_score, k.orders,
    k.revenue, k.currency, k.first_order_on, k.last_order_on, k.campaigns_received, k.coupons_redeemed,
    k.email_contact_point_id, k.email_consent, k.locale, k.time_zone, k.country, k.age_band, k.income_band,
    k.home_ownership, k.marital_status, k.household_size, k.household_composition, k.kids_count, k.is_simulated,
    k.is_test,
    k.segment_since, k.cluster, k.alive_probability, k.expected_orders, k.customer_value, k.churn_days,
    k.churn_probability, k.churn_reason, k.next_order_on, k.next_order_earliest_on, k.next_order_latest_on,
    k.best_hour, k.best_weekday
)
THEN
    UPDATE
        SET
            segment = k.segment,
            recency_days = k.recency_days,
            frequency = k.frequency,
            monetary = k.monetary,
            recency_score = k.recency_score,
            frequency_score = k.frequency_score,
            monetary_score = k.monetary_score,
            orders = k.orders,
            revenue = k.revenue,
            currency = k.currency,
            first_order_on = k.first_order_on,
            last_order_on = k.last_order_on,
            campaigns_received = k.campaigns_received,
            coupons_redeemed = k.coupons_redeemed,
            email_contact_point_id = k.email_contact_point_id,
            email_consent = k.email_consent,
            locale = k.locale,
            time_zone = k.time_zone,
            country = k.country,
            age_band = k.age_band,
            income_band = k.income_band,
            home_ownership = k.home_ownership,
            marital_status = k.marital_status,
            household_size = k.household_size,
            household_composition = k.household_composition,
            kids_count = k.kids_count,
            is_simulated = k.is_simulated,
            is_test = k.is_test,
            segment_since = k.segment_since,
            cluster = k.cluster,
            alive_probability = k.alive_probability,
            expected_orders = k.expected_orders,
            customer_value = k.customer_value,
            churn_days = k.churn_days,
            churn_probability = k.churn_probability,
            churn_reason = k.churn_reason,
            next_order_on = k.next_order_on,
            next_order_earliest_on = k.next_order_earliest_on,
            next_order_latest_on = k.next_order_latest_on,
            best_hour = k.best_hour,
            best_weekday = k.best_weekday
WHEN NOT MATCHED
THEN INSERT
    (
        customer_id, segment, recency_days, frequency, monetary, recency_score, frequency_score, monetary_score, orders,
        revenue, currency, first_order_on, last_order_on, campaigns_received, coupons_redeemed,
        email_contact_point_id, email_consent, locale, time_zone, country, age_band, income_band, home_ownership,
        marital_status, household_size, household_composition, kids_count, is_simulated, is_test,
        segment_since, cluster, alive_probability, expected_orders, customer_value, churn_days, churn_probability,
        churn_reason, next_order_on, next_order_earliest_on, next_order_latest_on, best_hour, best_weekday
    )
VALUES
(
    k.customer_id, k.segment, k.recency_days, k.frequency, k.monetary, k.recency_score, k.frequency_score,
    k.monetary_score, k.orders, k.revenue, k.currency, k.first_order_on, k.last_order_on, k.campaigns_received,
    k.coupons_redeemed, k.email_contact_point_id, k.email_consent, k.locale, k.time_zone, k.country, k.age_band,
    k.income_band, k.home_ownership, k.marital_status, k.household_size, k.household_composition, k.kids_count,
    k.is_simulated, k.is_test,
    k.segment_since, k.cluster, k.alive_probability, k.expected_orders, k.customer_value, k.churn_days,
    k.churn_probability, k.churn_reason, k.next_order_on, k.next_order_earliest_on, k.next_order_latest_on,
    k.best_hour, k.best_weekday
);

-- step: forget
DELETE FROM marts.customer_360 AS m
WHERE NOT EXISTS (
    SELECT FROM core.customers AS c
    WHERE c.customer_id = m.customer_id AND c.merged_into IS NULL
);
