-- check: record_missing (stop)
SELECT count(*)
FROM incoming_contacts AS i
WHERE NOT EXISTS (
    SELECT FROM core.contacts AS c
    WHERE
        c.source = i.source AND c.external_id = i.external_id AND c.channel = i.channel AND c.address_hash = i.address_hash
);
