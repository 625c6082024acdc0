-- check: deleted_order_is_there (stop)
SELECT count(*)
FROM core.orders AS o
INNER JOIN incoming_orders AS n ON o.source = n.source AND o.external_id = n.external_id
INNER JOIN core.deleted_orders AS d ON o.source = d.source AND o.external_id = d.external_id
WHERE (d.version_at, d.file_id) >= (o.version_at, o.file_id);
