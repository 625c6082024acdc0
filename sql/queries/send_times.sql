-- Statements of the room `predictions`: when each customer does something.
--
-- What counts as her own doing: orders of kind sale, and the events listed below. The list says what is counted, and not
-- what is left out, because a shop may name its events as it likes and its server may report what was done to her: mails
-- sent, parcels shipped, subscriptions renewed by night. Clicks and opens of mails are not on it: machines make some, and
-- the others come when we send, so that they would only tell us our own habits.

-- name: forget
DROP TABLE IF EXISTS pg_temp.own_events, pg_temp.dateless_times, pg_temp.active_days;

-- name: own_events
-- The names of Segment's specification for shops and apps, as the collector writes them, and coupons redeemed.
CREATE TEMPORARY TABLE own_events ON COMMIT DROP AS
SELECT t.event_type
FROM
    unnest(
        ARRAY[
            'page', 'screen', 'application_opened', 'signed_up', 'signed_in',
            'products_searched', 'product_list_viewed', 'product_list_filtered', 'promotion_viewed', 'promotion_clicked',
            'product_clicked', 'product_viewed', 'product_added', 'product_removed', 'cart_viewed',
            'checkout_started', 'checkout_step_viewed', 'checkout_step_completed', 'payment_info_entered',
            'order_completed', 'coupon_entered', 'coupon_applied', 'coupon_removed', 'coupon_redeemed',
            'product_added_to_wishlist', 'product_removed_from_wishlist', 'wishlist_product_added_to_cart',
            'product_shared', 'cart_shared', 'product_reviewed'
        ]
    ) AS t (event_type);

-- name: count_events
-- Without it the planner expects few rows, and sorts all events to find them.
ANALYZE pg_temp.own_events;

-- name: dateless_times
-- Times of day that are none: a source that knows the day only gives all its orders the same time, or two where summer
-- time moves it by an hour. The commonest time of a source, and the commoner of those an hour beside it, are such if at
-- least half of what it has is at them. Times are seconds of the day in UTC, which are found faster than times of day.
CREATE TEMPORARY TABLE dateless_times ON COMMIT DROP AS
WITH times AS (
    SELECT
        'order' AS doing,
        o.source,
        mod(date_part('epoch', o.ordered_at)::bigint, 86400) AS second,
        count(*) AS n
    FROM core.orders AS o
    WHERE
        o.kind = 'sale'
        AND o.ordered_on <= %(as_of)s::date
        AND o.ordered_on > %(as_of)s::date - %(window_days)s::integer
    GROUP BY o.source, mod(date_part('epoch', o.ordered_at)::bigint, 86400)
    UNION ALL
    SELECT
        e.event_type AS doing,
        e.source,
        mod(date_part('epoch', e.occurred_at)::bigint, 86400) AS second,
        count(*) AS n
    FROM core.events AS e
    INNER JOIN pg_temp.own_events AS w ON e.event_type = w.event_type
    WHERE
        e.occurred_on <= %(as_of)s::date
        AND e.occurred_on > %(as_of)s::date - %(window_days)s::integer
    GROUP BY e.event_type, e.source, mod(date_part('epoch', e.occurred_at)::bigint, 86400)
),

ranked AS (
    SELECT
        t.doing,
        t.source,
        t.second,
        t.n,
        first_value(t.second) OVER (PARTITION BY t.doing, t.source ORDER BY t.n DESC, t.second ASC) AS commonest,
        sum(t.n) OVER (PARTITION BY t.doing, t.source) AS total
    FROM times AS t
),

beside AS (
    SELECT
        r.doing,
        r.source,
        r.second,
        r.n,
        r.total,
        row_number() OVER (PARTITION BY r.doing, r.source ORDER BY r.n DESC, r.second ASC) AS place
    FROM ranked AS r
    WHERE mod(r.second - r.commonest + 86400, 86400) IN (0, 3600, 82800)
),

together AS (
    SELECT
        b.doing,
        b.source,
        b.second,
        b.total,
        sum(b.n) OVER (PARTITION BY b.doing, b.source) AS n
    FROM beside AS b
    WHERE b.place <= 2
)

SELECT
    t.doing,
    t.source,
    t.second
FROM together AS t
WHERE 2 * t.n >= t.total;

-- name: count_times
ANALYZE pg_temp.dateless_times;

-- name: active_days
-- One row per customer and day, both as her own clock shows them, with the hours in which she did something as bits: a visit
-- of twenty pages and an order is one hour of activity. No bit: that day she did something, at a time that nobody wrote down.
-- A zone that PostgreSQL does not know (the checks of the sources know a few more names) is taken for the shop's.
CREATE TEMPORARY TABLE active_days ON COMMIT DROP AS
WITH people AS MATERIALIZED (
    SELECT
        c.customer_id,
        coalesce(z.name, %(shop_zone)s) AS zone
    FROM core.customers AS c
    LEFT JOIN pg_timezone_names AS z ON c.time_zone = z.name
    WHERE c.merged_into IS NULL
),

doings AS (
    SELECT
        o.customer_id,
        o.ordered_at AS at,
        d.second IS NULL AS has_hour
    FROM core.orders AS o
    LEFT JOIN pg_temp.dateless_times AS d
        ON d.doing = 'order' AND o.source = d.source AND mod(date_part('epoch', o.ordered_at)::bigint, 86400) = d.second
    WHERE
        o.kind = 'sale'
        AND o.customer_id IS NOT NULL
        AND o.ordered_on <= %(as_of)s::date
        AND o.ordered_on > %(as_of)s::date - %(window_days)s::integer
    UNION ALL
    SELECT
        e.customer_id,
        e.occurred_at AS at,
        d.second IS NULL AS has_hour
    FROM core.events AS e
    INNER JOIN pg_temp.own_events AS w ON e.event_type = w.event_type
    LEFT JOIN pg_temp.dateless_times AS d
        ON
            e.event_type = d.doing
            AND e.source = d.source
            AND mod(date_part('epoch', e.occurred_at)::bigint, 86400) = d.second
    WHERE
        e.customer_id IS NOT NULL
        AND e.occurred_on <= %(as_of)s::date
        AND e.occurred_on > %(as_of)s::date - %(window_days)s::integer
),

on_her_clock AS (
    SELECT
        d.customer_id,
        d.has_hour,
        d.at AT TIME ZONE p.zone AS local
    FROM doings AS d
    INNER JOIN people AS p ON d.customer_id = p.customer_id
)

SELECT
    h.customer_id,
    h.local::date AS day,
    bit_or(CASE WHEN h.has_hour THEN 1 << extract(HOUR FROM h.local)::integer ELSE 0 END) AS hours
FROM on_her_clock AS h
GROUP BY h.customer_id, h.local::date
ORDER BY h.customer_id, h.local::date;

-- name: index_days
CREATE INDEX active_days_customers ON active_days USING brin (customer_id) WITH (pages_per_range = 16);

-- name: next_customer
SELECT min(c.customer_id) AS customer_id
FROM core.customers AS c
WHERE c.customer_id >= %(low)s;

-- name: packed_days
SELECT
    string_agg(
        int8send(d.customer_id) || int8send((%(as_of)s::date - d.day)::bigint) || int8send(d.hours::bigint), ''::bytea
        ORDER BY d.customer_id, d.day
    ) AS packed
FROM pg_temp.active_days AS d
WHERE d.customer_id >= %(low)s AND d.customer_id < %(high)s;

-- name: segment_names
SELECT DISTINCT m.segment
FROM models.segment_memberships AS m
WHERE
    m.entered_on <= %(cut)s::date
    AND (m.left_on IS NULL OR m.left_on > %(cut)s::date)
    AND m.segment <> 'everybody'
ORDER BY m.segment;

-- name: packed_segments
-- Who was in which segment on that day; the segment is its place in `names`, from 0.
SELECT
    string_agg(
        int8send(m.customer_id) || int8send((array_position(%(names)s::text[], m.segment) - 1)::bigint), ''::bytea
        ORDER BY m.customer_id
    ) AS packed
FROM models.segment_memberships AS m
WHERE
    m.entered_on <= %(cut)s::date
    AND (m.left_on IS NULL OR m.left_on > %(cut)s::date)
    AND m.segment = any(%(names)s::text[]);
