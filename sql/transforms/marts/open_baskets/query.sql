-- step: merge
-- What was put into the online basket, by the names that Segment (Product Added, Product Removed, Order Completed) and
-- GA4 (add_to_cart, remove_from_cart, purchase) have for it, and other common ones. The last word on a product counts,
-- whatever the quantity: who takes one of two out is taken to have thought better of it. Who orders has an empty basket,
-- in that system; and what she bought anywhere does not wait any longer. Fourteen days: by then most shops have emptied
-- the basket, and what is still in it has been forgotten, and may be proposed again.
WITH said AS MATERIALIZED (
    SELECT
        e.source,
        coalesce(c.merged_into, c.customer_id) AS customer_id,
        e.occurred_at,
        e.event_id,
        e.event_type IN ('product_added', 'add_to_cart', 'added_to_cart', 'cart_add') AS is_in,
        e.event_type IN ('order_completed', 'purchase', 'cart_cleared', 'clear_cart') AS is_all_out,
        coalesce(e.properties ->> 'product', e.properties ->> 'product_id') AS product_ref,
        e.properties -> 'items' AS items
    FROM core.events AS e
    INNER JOIN core.customers AS c ON e.customer_id = c.customer_id
    WHERE
        -- the day is in the shop's zone, which may be a day away: this finds the months, the next condition is exact
        e.occurred_on >= (%(now)s::timestamptz - interval '15 days')::date
        AND e.occurred_at >= %(now)s::timestamptz - interval '14 days'
        -- the index events_basket is for these words
        AND e.event_type IN (
            'product_added', 'add_to_cart', 'added_to_cart', 'cart_add',
            'product_removed', 'remove_from_cart', 'removed_from_cart', 'cart_remove',
            'order_completed', 'purchase', 'cart_cleared', 'clear_cart'
        )
),

-- GA4 names several products in one event.
named AS (
    SELECT
        s.source,
        s.customer_id,
        s.product_ref,
        s.occurred_at,
        s.event_id,
        s.is_in
    FROM said AS s
    WHERE NOT s.is_all_out AND s.product_ref IS NOT NULL
    UNION ALL
    SELECT
        s.source,
        s.customer_id,
        i.item ->> 'item_id' AS product_ref,
        s.occurred_at,
        s.event_id,
        s.is_in
    FROM said AS s
    CROSS JOIN jsonb_path_query(s.items, '$[*]') AS i (item)
    WHERE NOT s.is_all_out AND s.product_ref IS NULL
),

last_words AS (
    SELECT DISTINCT ON (n.customer_id, p.product_id)
        n.source,
        n.customer_id,
        p.product_id,
        n.occurred_at,
        n.is_in
    FROM named AS n
    INNER JOIN core.products AS p ON n.source = p.source AND n.product_ref = p.external_id
    ORDER BY n.customer_id ASC, p.product_id ASC, n.occurred_at DESC, n.is_in ASC, n.event_id ASC
),

open AS MATERIALIZED (
    SELECT
        w.customer_id,
        w.product_id,
        w.occurred_at AS added_at
    FROM last_words AS w
    WHERE
        w.is_in
        AND NOT EXISTS (
            SELECT FROM said AS s
            WHERE
                s.is_all_out AND s.customer_id = w.customer_id AND s.source = w.source
                AND s.occurred_at >= w.occurred_at
        )
        AND NOT EXISTS (
            SELECT FROM core.orders AS o
            INNER JOIN core.order_lines AS l ON o.order_id = l.order_id
            WHERE
                o.customer_id = w.customer_id AND l.product_id = w.product_id AND o.kind = 'sale'
                -- of which the first condition has an index
                AND o.ordered_on >= (w.occurred_at - interval '1 day')::date AND o.ordered_at >= w.occurred_at
        )
),

gone AS (
    DELETE FROM marts.open_baskets AS m
    WHERE NOT EXISTS (
        SELECT FROM open AS o
        WHERE o.customer_id = m.customer_id AND o.product_id = m.product_id
    )
)

INSERT INTO marts.open_baskets AS m (customer_id, product_id, added_at)
SELECT
    o.customer_id,
    o.product_id,
    o.added_at
FROM open AS o
ON CONFLICT (customer_id, product_id) DO UPDATE
    SET added_at = excluded.added_at
    WHERE m.added_at IS DISTINCT FROM excluded.added_at;
