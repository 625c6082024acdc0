-- Orders that nobody placed, made up for a demo. They stand in a table of their own: all that reads core.orders (revenue,
-- segments, models, offers) knows nothing of them, today's queries and tomorrow's. What came of a campaign reads both, in
-- core.all_orders, where each says which it is.

ALTER TABLE raw.orders ADD COLUMN is_simulated boolean NOT NULL DEFAULT FALSE;
COMMENT ON COLUMN raw.orders.is_simulated IS 'Nobody placed it: made up for a demo';

CREATE OR REPLACE VIEW raw.order_lines AS
SELECT
    r.load_id,
    r.file_id,
    l.record_no,
    r.order_ref,
    r.customer_ref,
    r.store_ref,
    l.product_ref,
    l.quantity::numeric(14, 3) AS quantity,
    l.amount::numeric(14, 2) AS amount,
    coalesce(l.retail_discount, 0)::numeric(14, 2) AS retail_discount,
    coalesce(l.coupon_discount, 0)::numeric(14, 2) AS coupon_discount,
    r.currency,
    r.ordered_at,
    r.kind,
    r.original_order_ref,
    r.version_at,
    r.is_deleted,
    r.is_simulated
FROM raw.orders AS r
CROSS JOIN
    LATERAL (
        SELECT
            unnest(r.record_nos) AS record_no,
            unnest(r.product_refs) AS product_ref,
            unnest(r.quantities) AS quantity,
            unnest(r.amounts) AS amount,
            unnest(r.retail_discounts) AS retail_discount,
            unnest(r.coupon_discounts) AS coupon_discount
    ) AS l;

-- One sequence of numbers for both: a number names one order, real or not.
CREATE TABLE core.simulated_orders (
    order_id bigint PRIMARY KEY DEFAULT nextval('core.orders_order_id_seq'),
    source text NOT NULL,
    external_id text NOT NULL,
    customer_id bigint REFERENCES core.customers,
    ordered_at timestamptz NOT NULL,
    ordered_on date NOT NULL,
    line_count integer NOT NULL,
    revenue numeric(14, 2) NOT NULL,
    discount numeric(14, 2) NOT NULL,
    currency text NOT NULL,
    kind text NOT NULL CHECK (kind IN ('sale', 'return', 'cancellation')),
    base_revenue numeric(14, 2),
    file_id bigint NOT NULL,
    version_at timestamptz NOT NULL,
    UNIQUE (source, external_id)
);
CREATE INDEX simulated_orders_customer ON core.simulated_orders (customer_id, ordered_at);

CREATE VIEW core.all_orders AS
SELECT
    o.order_id,
    o.source,
    o.external_id,
    o.customer_id,
    o.ordered_at,
    o.ordered_on,
    o.line_count,
    o.revenue,
    o.discount,
    o.currency,
    o.kind,
    o.base_revenue,
    FALSE AS is_simulated
FROM core.orders AS o
UNION ALL
SELECT
    s.order_id,
    s.source,
    s.external_id,
    s.customer_id,
    s.ordered_at,
    s.ordered_on,
    s.line_count,
    s.revenue,
    s.discount,
    s.currency,
    s.kind,
    s.base_revenue,
    TRUE AS is_simulated
FROM core.simulated_orders AS s;
