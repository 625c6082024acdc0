-- step: forget_replaced
DELETE FROM core.baskets AS b
USING incoming_orders AS n
WHERE b.order_id = n.order_id AND n.outcome IN ('replaced', 'deleted');

-- step: insert
-- Two identical lines are two lines: the same product may be rung up twice.
INSERT INTO core.baskets (
    order_id, first_no, record_nos, product_refs, quantities, amounts, retail_discounts, coupon_discounts
)
SELECT
    n.order_id,
    n.first_no,
    r.record_nos,
    r.product_refs,
    r.quantities,
    r.amounts,
    r.retail_discounts,
    r.coupon_discounts
FROM incoming_orders AS n
INNER JOIN raw.orders AS r ON n.file_id = r.file_id AND n.external_id = r.order_ref
WHERE
    r.load_id = any(%(line_loads)s::bigint[]) AND NOT r.is_deleted AND NOT r.is_simulated
    AND n.outcome IN ('new', 'replaced') AND n.pieces = 1;

-- step: insert_in_pieces
-- Orders whose lines do not lie together in their file, or of which some came repaired from quarantine.
INSERT INTO core.baskets (
    order_id, first_no, record_nos, product_refs, quantities, amounts, retail_discounts, coupon_discounts
)
SELECT
    n.order_id,
    n.first_no,
    array_agg(r.record_no ORDER BY r.record_no) AS record_nos,
    array_agg(r.product_ref ORDER BY r.record_no) AS product_refs,
    array_agg(r.quantity ORDER BY r.record_no) AS quantities,
    array_agg(r.amount ORDER BY r.record_no) AS amounts,
    array_agg(r.retail_discount ORDER BY r.record_no) AS retail_discounts,
    array_agg(r.coupon_discount ORDER BY r.record_no) AS coupon_discounts
FROM incoming_orders AS n
INNER JOIN raw.order_lines AS r ON n.file_id = r.file_id AND n.external_id = r.order_ref
WHERE
    r.load_id = any(%(line_loads)s::bigint[]) AND NOT r.is_deleted AND NOT r.is_simulated
    AND n.outcome IN ('new', 'replaced') AND n.pieces > 1
GROUP BY n.order_id, n.first_no;
