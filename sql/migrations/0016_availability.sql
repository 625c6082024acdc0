-- What must not be proposed: what cannot be had, and what already lies in the customer's basket.

-- Empty: nobody has said. The word is part of a product's fingerprint only where there is one, so that the versions
-- that core has stay what they are (staging.sql).
ALTER TABLE raw.products ADD COLUMN availability text;
ALTER TABLE core.product_versions ADD COLUMN availability text;
ALTER TABLE core.products ADD COLUMN availability text;

CREATE TABLE marts.open_baskets (
    customer_id bigint NOT NULL,
    product_id bigint NOT NULL,
    added_at timestamptz NOT NULL,
    PRIMARY KEY (customer_id, product_id)
);
GRANT SELECT ON marts.open_baskets TO marketflow_sender, marketflow_audience, marketflow_analyst;

-- Few events are about baskets: without it a build of the marts would read two months of pages seen. The words are those of
-- sql/transforms/marts/open_baskets.
CREATE INDEX events_basket ON core.events (occurred_on)
WHERE event_type IN (
    'product_added', 'add_to_cart', 'added_to_cart', 'cart_add',
    'product_removed', 'remove_from_cart', 'removed_from_cart', 'cart_remove',
    'order_completed', 'purchase', 'cart_cleared', 'clear_cart'
);
