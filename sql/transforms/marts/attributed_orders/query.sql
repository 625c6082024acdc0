-- step: merge
-- A share is the step of a rounded sum of shares, and money is shared out the same way: whatever is rounded, the parts of an order
-- add up to it, to the last digit. evaluation/attribution.py says the same in Python; a test compares them.
MERGE INTO marts.attributed_orders AS m
USING (
    WITH messages AS (
        SELECT
            s.send_id,
            -- the ledger keeps the customer whom the message went to; her orders may be those of another one by now
            coalesce(c.merged_into, c.customer_id) AS customer_id,
            s.campaign,
            s.occasion,
            s.channel,
            coalesce(s.variant, '') AS variant,
            s.step,
            s.settled_at,
            coalesce(
                %(attribution_days)s::integer, (p.definition -> 'campaign' ->> 'attribution_days')::integer, 7
            ) AS attribution_days,
            s.is_simulated
        FROM activation.sends AS s
        INNER JOIN activation.plans AS p ON s.plan_id = p.plan_id
        INNER JOIN core.customers AS c ON s.customer_id = c.customer_id
        -- what another system was told of her did not touch her
        WHERE s.state = 'sent' AND NOT s.is_test AND s.purpose <> 'post'
    ),

    clicks AS (
        SELECT
            t.send_id,
            min(t.occurred_at) AS clicked_at,
            bool_or(t.is_simulated) AS is_simulated
        FROM activation.tracking_events AS t
        INNER JOIN activation.sends AS s
            ON t.send_id = s.send_id AND coalesce(s.sending_at, s.settled_at) <= t.occurred_at
        WHERE t.kind = 'click' AND t.verdict = 'person'
        GROUP BY t.send_id
    ),

    -- who got one message at two addresses was touched once
    touches AS (
        SELECT DISTINCT ON (a.basis, a.customer_id, a.campaign, a.occasion, a.channel, a.step) a.*
        FROM (
            SELECT
                'sent' AS basis,
                g.*,
                g.settled_at AS touched_at
            FROM messages AS g
            UNION ALL
            SELECT
                'click' AS basis,
                g.send_id,
                g.customer_id,
                g.campaign,
                g.occasion,
                g.channel,
                g.variant,
                g.step,
                g.settled_at,
                g.attribution_days,
                g.is_simulated OR k.is_simulated AS is_simulated,
                k.clicked_at AS touched_at
            FROM messages AS g
            INNER JOIN clicks AS k ON g.send_id = k.send_id
        ) AS a
        ORDER BY a.basis, a.customer_id, a.campaign, a.occasion, a.channel, a.step, a.touched_at, a.send_id
    ),

    paths AS (
        SELECT
            t.basis,
            o.order_id,
            t.send_id,
            t.customer_id,
            t.campaign,
            t.channel,
            t.variant,
            t.step,
            t.touched_at,
            o.ordered_at,
            o.ordered_on,
            coalesce(o.base_revenue, 0) AS revenue,
            t.is_simulated OR o.is_simulated AS is_simulated,
            row_number() OVER w AS place,
            count(*) OVER (PARTITION BY t.basis, o.order_id) AS touches,
            -- by the last touch and not by the order: the shares are the same, and the last weight is 1
            power(
                2::double precision,
                -extract(
                    EPOCH FROM max(t.touched_at) OVER (PARTITION BY t.basis, o.order_id) - t.touched_at
                )::double precision / (%(half_life_days)s::double precision * 86400)
            ) AS weight
        FROM touches AS t
        INNER JOIN core.all_orders AS o
            ON
                t.customer_id = o.customer_id
                AND o.kind = 'sale'
                AND t.touched_at < o.ordered_at
                AND o.ordered_at <= t.touched_at + t.attribution_days * interval '24 hours'
        WINDOW w AS (PARTITION BY t.basis, o.order_id ORDER BY t.touched_at, t.send_id)
    ),

    sums AS (
        SELECT
            p.*,
            1::numeric AS sum_first,
            CASE WHEN p.place = p.touches THEN 1 ELSE 0 END::numeric AS sum_last,
            round(p.place::numeric / p.touches, 12) AS sum_linear,
            CASE
                WHEN p.place = p.touches THEN 1
                ELSE round((sum(p.weight) OVER w / sum(p.weight) OVER (PARTITION BY p.basis, p.order_id))::numeric, 12)
            END AS sum_time_decay,
            CASE
                WHEN p.place = p.touches THEN 1
                WHEN p.touches = 2 THEN 0.5
                ELSE round(0.4 + 0.2 * (p.place - 1) / (p.touches - 2), 12)
            END AS sum_position
        FROM paths AS p
        WINDOW w AS (PARTITION BY p.basis, p.order_id ORDER BY p.touched_at, p.send_id)
    ),

    before AS (
        SELECT
            s.*,
            lag(s.sum_first, 1, 0::numeric) OVER w AS had_first,
            lag(s.sum_last, 1, 0::numeric) OVER w AS had_last,
            lag(s.sum_linear, 1, 0::numeric) OVER w AS had_linear,
            lag(s.sum_time_decay, 1, 0::numeric) OVER w AS had_time_decay,
            lag(s.sum_position, 1, 0::numeric) OVER w AS had_position
        FROM sums AS s
        WINDOW w AS (PARTITION BY s.basis, s.order_id ORDER BY s.place)
    )

    SELECT
        b.basis,
        b.order_id,
        b.send_id,
        b.customer_id,
        b.campaign,
        b.channel,
        b.variant,
        b.step,
        b.touched_at,
        b.ordered_at,
        b.ordered_on,
        b.place::integer AS place,
        b.touches::integer AS touches,
        (b.sum_first - b.had_first)::numeric(13, 12) AS share_first,
        (b.sum_last - b.had_last)::numeric(13, 12) AS share_last,
        (b.sum_linear - b.had_linear)::numeric(13, 12) AS share_linear,
        (b.sum_time_decay - b.had_time_decay)::numeric(13, 12) AS share_time_decay,
        (b.sum_position - b.had_position)::numeric(13, 12) AS share_position,
        (round(b.revenue * b.sum_first, 2) - round(b.revenue * b.had_first, 2))::numeric(14, 2) AS revenue_first,
        (round(b.revenue * b.sum_last, 2) - round(b.revenue * b.had_last, 2))::numeric(14, 2) AS revenue_last,
        (round(b.revenue * b.sum_linear, 2) - round(b.revenue * b.had_linear, 2))::numeric(14, 2) AS revenue_linear,
        (round(b.revenue * b.sum_time_decay, 2) - round(b.revenue * b.had_time_decay, 2))::numeric(
            14, 2
        ) AS revenue_time_decay,
        (round(b.revenue * b.sum_position, 2) - round(b.revenue * b.had_position, 2))::numeric(
            14, 2
        ) AS revenue_position,
        b.is_simulated
    FROM before AS b
) AS e ON m.basis = e.basis AND m.order_id = e.order_id AND m.send_id = e.send_id
WHEN NOT MATCHED BY SOURCE THEN DELETE
WHEN MATCHED
AND (
    m.customer_id, m.campaign, m.channel, m.variant, m.step, m.touched_at, m.ordered_at, m.ordered_on, m.place, m.touches,
    m.share_first, m.share_last, m.share_linear, m.share_time_decay, m.share_position, m.revenue_first, m.revenue_last,
    m.revenue_linear, m.revenue_time_decay, m.revenue_position, m.is_simulated
) IS DISTINCT FROM (
    e.customer_id, e.campaign, e.channel, e.variant, e.step, e.touched_at, e.ordered_at, e.ordered_on, e.place, e.touches,
    e.share_first, e.share_last, e.share_linear, e.share_time_decay, e.share_position, e.revenue_first, e.revenue_last,
    e.revenue_linear, e.revenue_time_decay, e.revenue_position, e.is_simulated
)
THEN
    UPDATE
        SET
            customer_id = e.customer_id,
            campaign = e.campaign,
            channel = e.channel,
            variant = e.variant,
            step = e.step,
            touched_at = e.touched_at,
            ordered_at = e.ordered_at,
            ordered_on = e.ordered_on,
            place = e.place,
            touches = e.touches,
            share_first = e.share_first,
            share_last = e.share_last,
            share_linear = e.share_linear,
            share_time_decay = e.share_time_decay,
            share_position = e.share_position,
            revenue_first = e.revenue_first,
            revenue_last = e.revenue_last,
            revenue_linear = e.revenue_linear,
            revenue_time_decay = e.revenue_time_decay,
            revenue_position = e.revenue_position,
            is_simulated = e.is_simulated
WHEN NOT MATCHED
THEN INSERT
    (
        basis, order_id, send_id, customer_id, campaign, channel, variant, step, touched_at, ordered_at, ordered_on, place,
        touches, share_first, share_last, share_linear, share_time_decay, share_position, revenue_first, revenue_last,
        revenue_linear, revenue_time_decay, revenue_position, is_simulated
    )
VALUES
(
    e.basis, e.order_id, e.send_id, e.customer_id, e.campaign, e.channel, e.variant, e.step, e.touched_at, e.ordered_at,
    e.ordered_on, e.place, e.touches, e.share_first, e.share_last, e.share_linear, e.share_time_decay, e.share_position,
    e.revenue_first, e.revenue_last, e.revenue_linear, e.revenue_time_decay, e.revenue_position, e.is_simulated
);
