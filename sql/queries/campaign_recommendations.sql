-- Statements of the room `recommenders`: who received which campaign, what came of it, and who bought what.
--
-- Campaigns are those that the shop's systems tell of (core.campaigns), and those that were sent from here and are not
-- among them, by the month: those have no number, and are only learnt from. Customers are read by ranges of their
-- numbers, or one of so many by a hash, so that the order in which numbers were given out has no part in it.

-- name: forget
DROP TABLE IF EXISTS
pg_temp.known_campaigns, pg_temp.own_campaigns, pg_temp.shown_events, pg_temp.received_campaigns, pg_temp.known_answers,
pg_temp.asked_customers, pg_temp.campaign_scores;

-- name: own_campaigns
-- The first day of each month's sends of each campaign of this house.
CREATE TEMPORARY TABLE own_campaigns ON COMMIT DROP AS
SELECT
    s.campaign,
    date_trunc('month', timezone(%(time_zone)s, s.settled_at))::date AS month,
    min(s.channel) AS channel,
    min(timezone(%(time_zone)s, s.settled_at)::date) AS starts_on,
    max(timezone(%(time_zone)s, s.settled_at)::date) AS last_on
FROM activation.sends AS s
WHERE
    s.state = 'sent' AND NOT s.is_test
    AND timezone(%(time_zone)s, s.settled_at)::date <= %(as_of)s::date
    AND timezone(%(time_zone)s, s.settled_at)::date > %(as_of)s::date - %(history_days)s::integer
    AND NOT EXISTS (
        SELECT FROM core.campaigns AS c
        WHERE c.external_id = s.campaign AND NOT c.is_deleted
    )
GROUP BY s.campaign, date_trunc('month', timezone(%(time_zone)s, s.settled_at))::date;

-- name: known_campaigns
CREATE TEMPORARY TABLE known_campaigns ON COMMIT DROP AS
WITH found AS (
    SELECT
        c.campaign_id,
        c.source,
        c.external_id AS ref,
        c.campaign_name AS name,
        c.theme,
        c.channel,
        c.place,
        c.content,
        c.starts_on,
        coalesce(c.ends_on, c.starts_on + %(usual_days)s::integer) AS ends_on,
        NULL::date AS month
    FROM core.campaigns AS c
    WHERE
        NOT c.is_deleted
        AND c.starts_on <= %(as_of)s::date + %(ahead_days)s::integer
        AND coalesce(c.ends_on, c.starts_on + %(usual_days)s::integer) > %(as_of)s::date - %(history_days)s::integer
    UNION ALL
    SELECT
        NULL::bigint AS campaign_id,
        NULL::text AS source,
        o.campaign AS ref,
        o.campaign AS name,
        o.campaign AS theme,
        o.channel,
        NULL::text AS place,
        NULL::text AS content,
        o.starts_on,
        o.last_on + %(attribution_days)s::integer AS ends_on,
        o.month
    FROM pg_temp.own_campaigns AS o
)

SELECT
    (row_number() OVER (ORDER BY f.starts_on, f.campaign_id, f.ref, f.month))::integer - 1 AS place_no,
    f.*,
    coalesce(
        (f.source, f.ref) IN (
            SELECT
                p.source,
                p.campaign_ref
            FROM core.coupons AS p
            WHERE p.campaign_ref IS NOT NULL AND NOT p.is_deleted
        ),
        FALSE
    ) AS has_coupons
FROM found AS f;

-- name: count_campaigns
ANALYZE pg_temp.known_campaigns;

-- name: read_campaigns
SELECT
    k.place_no,
    coalesce(k.campaign_id, 0) AS campaign_id,
    k.starts_on,
    k.ends_on,
    coalesce(k.name, '') AS name,
    coalesce(k.theme, '') AS theme,
    coalesce(k.channel, '') AS channel,
    coalesce(k.place, '') AS place,
    coalesce(k.content, '') AS content,
    k.has_coupons
FROM pg_temp.known_campaigns AS k
ORDER BY k.place_no;

-- name: read_offers
-- What the campaigns' coupons are for. Packed, see warehouse.fetch_integers.
SELECT string_agg(int8send(o.place_no::bigint) || int8send(o.product_id), ''::bytea) AS packed
FROM (
    SELECT DISTINCT
        k.place_no,
        p.product_id
    FROM pg_temp.known_campaigns AS k
    INNER JOIN core.coupons AS c ON k.source = c.source AND k.ref = c.campaign_ref AND NOT c.is_deleted
    INNER JOIN core.products AS p ON c.source = p.source AND c.product_ref = p.external_id
) AS o;

-- name: read_products
SELECT
    p.product_id,
    coalesce(initcap(nullif(p.category, '')), '') AS category,
    coalesce(p.brand, '') AS brand
FROM core.products AS p
ORDER BY p.product_id;

-- name: read_customer_ids
-- Packed.
SELECT string_agg(int8send(c.customer_id), ''::bytea ORDER BY c.customer_id) AS packed
FROM core.customers AS c
WHERE c.merged_into IS NULL AND NOT c.is_deleted AND NOT c.is_test;

-- name: ask_sample
CREATE TEMPORARY TABLE asked_customers ON COMMIT DROP AS
SELECT c.customer_id
FROM core.customers AS c
WHERE
    c.merged_into IS NULL AND NOT c.is_deleted AND NOT c.is_test
    AND (
        %(sample_of)s::bigint = 1
        OR mod(hashint8extended(c.customer_id, %(seed)s::bigint) & 2147483647, %(sample_of)s::bigint) = 0
    );

-- name: ask_range
CREATE TEMPORARY TABLE asked_customers ON COMMIT DROP AS
SELECT c.customer_id
FROM core.customers AS c
WHERE
    c.merged_into IS NULL AND NOT c.is_deleted AND NOT c.is_test
    AND c.customer_id BETWEEN %(first)s::bigint AND %(last)s::bigint;

-- name: count_asked
ANALYZE pg_temp.asked_customers;

-- name: drop_asked
DROP TABLE IF EXISTS pg_temp.asked_customers;

-- name: read_asked
-- Packed.
SELECT string_agg(int8send(a.customer_id), ''::bytea ORDER BY a.customer_id) AS packed
FROM pg_temp.asked_customers AS a;

-- name: shown_events
-- What all customers did about campaigns and coupons, until the day. Answers are noted once, of everybody: what counts
-- as an answer to a campaign depends on what anybody did about it, and sends can't be looked up by customer.
CREATE TEMPORARY TABLE shown_events ON COMMIT DROP AS
SELECT
    e.customer_id,
    e.source,
    coalesce(
        e.properties ->> 'campaign',
        (
            SELECT p.campaign_ref FROM core.coupons AS p
            WHERE p.source = e.source AND p.external_id = e.properties ->> 'coupon'
        )
    ) AS ref,
    CASE
        WHEN e.event_type IN ('campaign_opened', 'email_opened') THEN 'opened'
        WHEN e.event_type IN ('campaign_clicked', 'email_link_clicked', 'promotion_clicked') THEN 'clicked'
        WHEN e.event_type IN ('coupon_redeemed', 'coupon_applied') THEN 'redeemed'
        ELSE 'received'
    END AS what,
    e.occurred_on
FROM core.events AS e
INNER JOIN core.customers AS c ON e.customer_id = c.customer_id
WHERE
    c.merged_into IS NULL AND NOT c.is_deleted AND NOT c.is_test
    AND e.occurred_on <= %(as_of)s::date
    AND e.occurred_on > %(as_of)s::date - 2 * %(history_days)s::integer
    AND e.event_type IN (
        'campaign_received', 'campaign_opened', 'email_opened', 'campaign_clicked', 'email_link_clicked',
        'promotion_clicked', 'coupon_redeemed', 'coupon_applied'
    );

-- name: count_shown
ANALYZE pg_temp.shown_events;

-- name: received_campaigns
CREATE TEMPORARY TABLE received_campaigns ON COMMIT DROP AS
WITH sent AS (
    SELECT
        coalesce(c.merged_into, c.customer_id) AS customer_id,
        s.campaign AS ref,
        timezone(%(time_zone)s, s.settled_at)::date AS sent_on
    FROM activation.sends AS s
    INNER JOIN core.customers AS c ON s.customer_id = c.customer_id
    WHERE
        s.state = 'sent' AND NOT s.is_test AND s.purpose <> 'post'
        AND timezone(%(time_zone)s, s.settled_at)::date <= %(as_of)s::date
        AND timezone(%(time_zone)s, s.settled_at)::date > %(as_of)s::date - %(history_days)s::integer
),

came AS (
    SELECT
        s.customer_id,
        k.place_no,
        s.occurred_on AS received_on
    FROM pg_temp.shown_events AS s
    INNER JOIN pg_temp.known_campaigns AS k ON s.source = k.source AND s.ref = k.ref
    WHERE s.what = 'received'
    UNION ALL
    SELECT
        s.customer_id,
        k.place_no,
        s.sent_on AS received_on
    FROM sent AS s
    INNER JOIN core.customers AS c ON s.customer_id = c.customer_id
    INNER JOIN pg_temp.known_campaigns AS k
        ON s.ref = k.ref AND (k.month IS NULL OR k.month = date_trunc('month', s.sent_on)::date)
    WHERE c.merged_into IS NULL AND NOT c.is_deleted AND NOT c.is_test
)

SELECT
    w.customer_id,
    w.place_no,
    min(w.received_on) AS received_on
FROM came AS w
GROUP BY w.customer_id, w.place_no;

-- name: count_received
ANALYZE pg_temp.received_campaigns;

-- name: known_answers
-- Each customer's campaigns, from the day on which they came, and the first day of what she did about them until now:
-- also after their end, for a late answer is one. A campaign that was sent from here comes again each month, so that
-- of it only what happened within the usual days counts.
CREATE TEMPORARY TABLE known_answers ON COMMIT DROP AS
WITH followed AS (
    SELECT
        r.customer_id,
        r.place_no,
        min(s.occurred_on) FILTER (WHERE s.what = 'opened') AS opened_on,
        min(s.occurred_on) FILTER (WHERE s.what = 'clicked') AS clicked_on,
        min(s.occurred_on) FILTER (WHERE s.what = 'redeemed') AS redeemed_on
    FROM pg_temp.received_campaigns AS r
    INNER JOIN pg_temp.known_campaigns AS k ON r.place_no = k.place_no
    INNER JOIN pg_temp.shown_events AS s
        ON
            r.customer_id = s.customer_id
            AND k.ref = s.ref
            AND (k.source IS NULL OR k.source = s.source)
            AND s.what <> 'received'
            AND r.received_on <= s.occurred_on
            AND (k.month IS NULL OR s.occurred_on <= r.received_on + %(usual_days)s::integer)
    GROUP BY r.customer_id, r.place_no
),

bought AS (
    SELECT
        r.customer_id,
        r.place_no,
        min(o.ordered_on) AS bought_on
    FROM pg_temp.received_campaigns AS r
    INNER JOIN pg_temp.known_campaigns AS k ON r.place_no = k.place_no
    INNER JOIN core.orders AS o
        ON
            r.customer_id = o.customer_id
            AND o.kind = 'sale'
            AND r.received_on < o.ordered_on
            AND o.ordered_on <= r.received_on + %(attribution_days)s::integer
            AND o.ordered_on <= %(as_of)s::date
    WHERE NOT k.has_coupons
    GROUP BY r.customer_id, r.place_no
)

SELECT
    r.customer_id,
    r.place_no,
    r.received_on,
    f.opened_on,
    f.clicked_on,
    f.redeemed_on,
    b.bought_on
FROM pg_temp.received_campaigns AS r
LEFT JOIN followed AS f ON r.customer_id = f.customer_id AND r.place_no = f.place_no
LEFT JOIN bought AS b ON r.customer_id = b.customer_id AND r.place_no = b.place_no;

-- name: find_answers
CREATE INDEX ON known_answers (customer_id);

-- name: count_answers
ANALYZE pg_temp.known_answers;

-- name: read_first_answers
-- The first day on which anybody clicked on the campaign, and redeemed a coupon of it. Days since 1970; packed.
SELECT
    string_agg(
        int8send(f.place_no::bigint)
        || int8send(coalesce((f.clicked_on - '1970-01-01'::date)::bigint, %(never)s::bigint))
        || int8send(coalesce((f.redeemed_on - '1970-01-01'::date)::bigint, %(never)s::bigint)),
        ''::bytea
    ) AS packed
FROM (
    SELECT
        a.place_no,
        min(a.clicked_on) AS clicked_on,
        min(a.redeemed_on) AS redeemed_on
    FROM pg_temp.known_answers AS a
    GROUP BY a.place_no
) AS f;

-- name: read_answers
-- Days since 1970; packed.
SELECT
    string_agg(
        int8send(w.customer_id) || int8send(w.place_no::bigint)
        || int8send((w.received_on - '1970-01-01'::date)::bigint)
        || int8send(coalesce((w.opened_on - '1970-01-01'::date)::bigint, %(never)s::bigint))
        || int8send(coalesce((w.clicked_on - '1970-01-01'::date)::bigint, %(never)s::bigint))
        || int8send(coalesce((w.redeemed_on - '1970-01-01'::date)::bigint, %(never)s::bigint))
        || int8send(coalesce((w.bought_on - '1970-01-01'::date)::bigint, %(never)s::bigint)),
        ''::bytea ORDER BY w.customer_id, w.place_no
    ) AS packed
FROM pg_temp.asked_customers AS a
INNER JOIN pg_temp.known_answers AS w ON a.customer_id = w.customer_id;

-- name: read_purchases
-- A row for each customer, product and day; what coupons took off, in hundredths of the shop's currency. Packed.
SELECT
    string_agg(
        int8send(d.customer_id) || int8send(d.product_id) || int8send(d.day) || int8send(d.coupon), ''::bytea
    ) AS packed
FROM (
    SELECT
        o.customer_id,
        p.product_id,
        (o.ordered_on - '1970-01-01'::date)::bigint AS day,
        round(
            100 * sum(coalesce(l.coupon_discount, 0) * coalesce(o.base_revenue / nullif(o.revenue, 0), 1))
        )::bigint AS coupon
    FROM pg_temp.asked_customers AS a
    INNER JOIN core.orders AS o ON a.customer_id = o.customer_id
    INNER JOIN core.baskets AS b ON o.order_id = b.order_id
    CROSS JOIN
        LATERAL (
            SELECT
                unnest(b.product_refs) AS product_ref,
                unnest(b.coupon_discounts) AS coupon_discount
        ) AS l
    INNER JOIN core.products AS p ON o.source = p.source AND l.product_ref = p.external_id
    WHERE
        o.kind = 'sale'
        AND o.ordered_on <= %(as_of)s::date
        AND o.ordered_on > %(as_of)s::date - %(history_days)s::integer
    GROUP BY o.customer_id, p.product_id, o.ordered_on
) AS d
GROUP BY d.customer_id;

-- name: make_scores
CREATE TEMPORARY TABLE campaign_scores (
    customer_id bigint,
    campaign_id bigint,
    rank integer,
    score double precision,
    reason text
) ON COMMIT DROP;

-- name: write_scores
INSERT INTO models.campaign_recommendations (run_id, customer_id, campaign_id, rank, customer_rank, score, reason)
SELECT
    %(run)s AS run_id,
    s.customer_id,
    s.campaign_id,
    s.rank,
    row_number() OVER (PARTITION BY s.campaign_id ORDER BY s.score DESC, s.customer_id ASC) AS customer_rank,
    s.score,
    s.reason
FROM pg_temp.campaign_scores AS s;
