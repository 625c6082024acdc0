-- An order is one row: what its lines have in common, their totals, and the lines themselves as arrays beside them. A
-- tenth of the rows to write, twice; the tables of lines become views, with the same columns.

-- In the order in which a build takes them. What it would commit between the copy and the drop would be lost.
LOCK TABLE raw.order_lines, core.order_lines;

ALTER TABLE raw.order_lines RENAME TO order_lines_before;
DROP INDEX raw.order_lines_load;

CREATE TABLE raw.orders (
    load_id bigint NOT NULL,
    file_id bigint NOT NULL,
    first_no integer NOT NULL,
    order_ref text NOT NULL,
    customer_ref text,
    store_ref text,
    currency text NOT NULL,
    ordered_at timestamptz NOT NULL,
    kind text NOT NULL DEFAULT 'sale',
    original_order_ref text,
    version_at timestamptz,
    is_deleted boolean NOT NULL DEFAULT FALSE,
    line_count integer NOT NULL,
    amount numeric(18, 2) NOT NULL,
    discount numeric(18, 2) NOT NULL,
    record_nos integer[] NOT NULL,
    product_refs text[] NOT NULL,
    quantities numeric[] NOT NULL,
    amounts numeric[] NOT NULL,
    retail_discounts numeric[],
    coupon_discounts numeric[]
);
CREATE INDEX orders_load ON raw.orders USING brin (load_id);
COMMENT ON TABLE raw.orders IS
'Orders as files have them, the lines in lists side by side; one whose lines do not lie together has several rows';
COMMENT ON COLUMN raw.orders.version_at IS 'The source''s own time of the version; empty: its file''s, ops.landing_files';
COMMENT ON COLUMN raw.orders.retail_discounts IS 'By line; empty: the source does not say, and nothing was taken off';
COMMENT ON COLUMN raw.orders.coupon_discounts IS 'By line; empty: the source does not say, and nothing was taken off';

INSERT INTO raw.orders (
    load_id, file_id, first_no, order_ref, customer_ref, store_ref, currency, ordered_at, kind, original_order_ref,
    version_at, is_deleted, line_count, amount, discount, record_nos, product_refs, quantities, amounts,
    retail_discounts, coupon_discounts
)
SELECT
    r.load_id,
    r.file_id,
    min(r.record_no) AS first_no,
    r.order_ref,
    r.customer_ref,
    r.store_ref,
    r.currency,
    r.ordered_at,
    r.kind,
    r.original_order_ref,
    r.version_at,
    r.is_deleted,
    count(*) AS line_count,
    sum(r.amount) AS amount,
    sum(r.retail_discount + r.coupon_discount) AS discount,
    array_agg(r.record_no ORDER BY r.record_no) AS record_nos,
    array_agg(r.product_ref ORDER BY r.record_no) AS product_refs,
    array_agg(r.quantity ORDER BY r.record_no) AS quantities,
    array_agg(r.amount ORDER BY r.record_no) AS amounts,
    array_agg(r.retail_discount ORDER BY r.record_no) AS retail_discounts,
    array_agg(r.coupon_discount ORDER BY r.record_no) AS coupon_discounts
FROM raw.order_lines_before AS r
GROUP BY
    r.load_id, r.file_id, r.order_ref, r.customer_ref, r.store_ref, r.currency, r.ordered_at, r.kind,
    r.original_order_ref, r.version_at, r.is_deleted;
DROP TABLE raw.order_lines_before;

-- Opened in a SELECT list, which takes a third of the time of unnest in FROM.
CREATE VIEW raw.order_lines AS
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
    r.is_deleted
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
COMMENT ON VIEW raw.order_lines IS 'The lines of raw.orders, one by one';
COMMENT ON COLUMN raw.order_lines.version_at IS
'The source''s own time of the version; empty: its file''s, ops.landing_files';

-- The same in core, for the order's present version. Products keep their names here: a number costs a look-up per line.
CREATE TABLE core.baskets (
    order_id bigint PRIMARY KEY,
    first_no integer NOT NULL,
    record_nos integer[] NOT NULL,
    product_refs text[] NOT NULL,
    quantities numeric[] NOT NULL,
    amounts numeric[] NOT NULL,
    retail_discounts numeric[],
    coupon_discounts numeric[]
);

INSERT INTO core.baskets (order_id, first_no, record_nos, product_refs, quantities, amounts, retail_discounts)
SELECT
    l.order_id,
    1 AS first_no,
    array_agg(l.line_no ORDER BY l.line_no) AS record_nos,
    array_agg(p.external_id ORDER BY l.line_no) AS product_refs,
    array_agg(l.quantity ORDER BY l.line_no) AS quantities,
    array_agg(l.amount ORDER BY l.line_no) AS amounts,
    array_agg(l.discount ORDER BY l.line_no) AS retail_discounts
FROM core.order_lines AS l
INNER JOIN core.products AS p ON l.product_id = p.product_id
GROUP BY l.order_id;
DROP TABLE core.order_lines;

CREATE VIEW core.order_lines AS
SELECT
    o.order_id,
    l.record_no - b.first_no + 1 AS line_no,
    p.product_id,
    l.quantity::numeric(14, 3) AS quantity,
    l.amount::numeric(14, 2) AS amount,
    (coalesce(l.retail_discount, 0) + coalesce(l.coupon_discount, 0))::numeric(14, 2) AS discount,
    o.ordered_on
FROM core.orders AS o
INNER JOIN core.baskets AS b ON o.order_id = b.order_id
CROSS JOIN
    LATERAL (
        SELECT
            unnest(b.record_nos) AS record_no,
            unnest(b.product_refs) AS product_ref,
            unnest(b.quantities) AS quantity,
            unnest(b.amounts) AS amount,
            unnest(b.retail_discounts) AS retail_discount,
            unnest(b.coupon_discounts) AS coupon_discount
    ) AS l
INNER JOIN core.products AS p ON o.source = p.source AND l.product_ref = p.external_id;

-- The view knows what its tables know. Marts ask before the next build of core.
UPDATE ops.table_freshness
SET
    table_name = 'core.baskets',
    row_count = (SELECT count(*) FROM core.baskets)
WHERE table_name = 'core.order_lines';

-- ANALYZE would read the lists for what nobody asks of them.
ALTER TABLE raw.orders
ALTER COLUMN record_nos SET STATISTICS 0, ALTER COLUMN product_refs SET STATISTICS 0,
ALTER COLUMN quantities SET STATISTICS 0, ALTER COLUMN amounts SET STATISTICS 0,
ALTER COLUMN retail_discounts SET STATISTICS 0, ALTER COLUMN coupon_discounts SET STATISTICS 0;
ALTER TABLE core.baskets
ALTER COLUMN record_nos SET STATISTICS 0, ALTER COLUMN product_refs SET STATISTICS 0,
ALTER COLUMN quantities SET STATISTICS 0, ALTER COLUMN amounts SET STATISTICS 0,
ALTER COLUMN retail_discounts SET STATISTICS 0, ALTER COLUMN coupon_discounts SET STATISTICS 0;

GRANT SELECT, INSERT, DELETE ON raw.orders TO marketflow_loader;
GRANT SELECT ON raw.order_lines TO marketflow_loader;
