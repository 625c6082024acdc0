-- step: merge
INSERT INTO core.contacts AS c (
    source, external_id, channel, address_hash, label, version_at, file_id, record_no, is_deleted
)
SELECT
    i.source,
    i.external_id,
    i.channel,
    i.address_hash,
    i.label,
    i.version_at,
    i.file_id,
    i.record_no,
    i.is_deleted
FROM incoming_contacts AS i
ORDER BY i.source, i.external_id, i.file_id, i.record_no
ON CONFLICT (source, external_id, channel, address_hash) DO UPDATE
    SET
        label = excluded.label,
        version_at = excluded.version_at,
        file_id = excluded.file_id,
        record_no = excluded.record_no,
        is_deleted = excluded.is_deleted
    WHERE
    (c.version_at, c.file_id, c.record_no) <= (excluded.version_at, excluded.file_id, excluded.record_no)
    AND (c.label, c.version_at, c.file_id, c.record_no, c.is_deleted) IS DISTINCT FROM (
        excluded.label, excluded.version_at, excluded.file_id, excluded.record_no, excluded.is_deleted
    );

-- step: of_deleted_customers
-- With a customer go the addresses that came before the deletion.
UPDATE core.contacts AS c
SET is_deleted = TRUE
FROM deleted_customers AS d
WHERE c.source = d.source AND c.external_id = d.external_id AND c.version_at <= d.deleted_at AND NOT c.is_deleted;
