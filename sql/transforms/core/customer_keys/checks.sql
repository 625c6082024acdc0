-- check: key_of_another_customer (stop)
SELECT count(*)
FROM core.customer_keys AS k
INNER JOIN incoming_keys AS n ON k.source = n.source AND k.external_id = n.external_id
INNER JOIN core.customer_identifiers AS i ON k.source = i.source AND k.external_id = i.external_id
WHERE k.customer_id <> i.customer_id;
