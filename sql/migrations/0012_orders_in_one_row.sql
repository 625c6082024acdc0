-- An order is one row: what its lines have in common, their totals, and the lines themselves as arrays beside them. A
-- tenth of the rows to write, twice; the tables of lines become views, with the same columns.

-- A file's order, or a part of it: the lines of a block of the file that say the same of the order.
CREATE TABLE raw.order_parts (
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
    record_nos integer [] NOT NULL,
    product_refs text [] NOT NULL,
    quantities numeric [] NOT NULL,
    amounts numeric [] NOT NULL,
    retail_discounts numeric [],
    coupon_discounts numeric []
);
