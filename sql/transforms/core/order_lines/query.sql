-- step: forget_replaced
DELETE FROM core.order_lines AS l
USING incoming_orders AS n
WHERE l.order_id = n.order_id AND n.outcome IN ('replaced', 'deleted');

-- step: insert
-- Two identical lines are two lines: the same product may be rung up twice. A line's place is counted from the order's
-- first record, which needs no sorting; where a file scatters an order's lines, numbers are left out.
INSERT INTO core.order_lines (order_id, line_no, product_id, quantity, amount, discount, ordered_on)
SELECT
    n.order_id,
    r.record_no - n.first_no + 1 AS line_no,
    p.product_id,
    r.quantity,
    r.amount,
    r.retail_discount + r.coupon_discount AS discount,
    n.ordered_on
FROM raw.order_lines AS r
INNER JOIN incoming_orders AS n ON r.file_id = n.file_id AND r.order_ref = n.external_id
INNER JOIN core.products AS p ON n.source = p.source AND r.product_ref = p.external_id
WHERE r.load_id = any(%(line_loads)s::bigint[]) AND n.outcome IN ('new', 'replaced') AND NOT r.is_deleted;
