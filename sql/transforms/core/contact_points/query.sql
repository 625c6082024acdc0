-- step: new_addresses
-- An address belongs to the customer who brought it first; a second one with the same address shares it. One that came
-- with an answer alone (a newsletter's subscriber) belongs to nobody until a customer brings it. What was deleted does not
-- come back with an older record, nor an address that was forgotten with an answer from before.
INSERT INTO core.contact_points AS p (channel, address_hash, address, customer_id, is_simulated, first_seen_at)
SELECT
    f.channel,
    f.address_hash,
    f.address,
    f.customer_id,
    f.is_simulated,
    %(now)s
FROM (
    SELECT DISTINCT ON (a.channel, a.address_hash)
        a.channel,
        a.address_hash,
        a.address,
        a.is_simulated,
        a.file_id,
        a.record_no,
        i.customer_id
    FROM (
        SELECT
            l.system AS source,
            r.customer_ref,
            k.channel,
            k.address_hash,
            k.address,
            r.is_simulated,
            r.version_at,
            r.file_id,
            r.record_no
        FROM raw.customers AS r
        INNER JOIN merging_loads AS l ON r.load_id = l.load_id
        CROSS JOIN
            LATERAL (
                VALUES ('email', r.email_hash, r.email), ('sms', r.phone_hash, r.phone)
            ) AS k (channel, address_hash, address)
        WHERE k.address_hash IS NOT NULL AND NOT r.is_deleted
        UNION ALL
        SELECT
            c.source,
            c.external_id,
            c.channel,
            c.address_hash,
            c.address,
            FALSE AS is_simulated,
            c.version_at,
            c.file_id,
            c.record_no
        FROM incoming_contacts AS c
        WHERE NOT c.is_gone
        UNION ALL
        SELECT
            w.source,
            w.customer_ref,
            w.channel,
            w.address_hash,
            w.address,
            FALSE AS is_simulated,
            least(w.answered_at, w.started_at) AS version_at,
            w.file_id,
            w.record_no
        FROM incoming_answers AS w
        WHERE
            w.address_hash IS NOT NULL
            AND NOT EXISTS (
                SELECT FROM core.contact_points AS k
                WHERE
                    k.channel = w.channel AND k.address_hash = w.address_hash
                    AND k.forgotten_at >= least(w.answered_at, w.started_at)
            )
            AND NOT EXISTS (
                SELECT FROM kept_out AS k
                WHERE
                    k.channel = w.channel AND k.address_hash = w.address_hash
                    AND k.deleted_at >= least(w.answered_at, w.started_at)
            )
            AND NOT EXISTS (
                SELECT FROM core.contacts AS c
                WHERE
                    c.channel = w.channel AND c.address_hash = w.address_hash
                    AND (w.customer_ref IS NULL OR (c.source = w.source AND c.external_id = w.customer_ref))
                    AND c.is_deleted AND c.version_at >= least(w.answered_at, w.started_at)
            )
    ) AS a
    LEFT JOIN core.customer_identifiers AS i ON a.source = i.source AND a.customer_ref = i.external_id
    LEFT JOIN deleted_customers AS d ON a.source = d.source AND a.customer_ref = d.external_id
    WHERE d.deleted_at IS NULL OR a.version_at > d.deleted_at
    ORDER BY a.channel ASC, a.address_hash ASC, i.customer_id IS NULL ASC, a.file_id ASC, a.record_no ASC
) AS f
ORDER BY f.file_id, f.record_no, f.channel
ON CONFLICT (channel, address_hash) DO UPDATE
    SET
        address = CASE WHEN octet_length(p.address) = 0 THEN excluded.address ELSE p.address END,
        customer_id = coalesce(p.customer_id, excluded.customer_id),
        is_simulated = CASE WHEN octet_length(p.address) = 0 THEN excluded.is_simulated ELSE p.is_simulated END,
        forgotten_at = NULL
    WHERE octet_length(p.address) = 0 OR (p.customer_id IS NULL AND excluded.customer_id IS NOT NULL);

-- step: marks
-- An address that a deletion keeps out, before it was ever taken in, leaves a row without the address: answers from before
-- find it there, a no as well as a yes, as if it had come first and gone then.
INSERT INTO core.contact_points AS p (channel, address_hash, address, first_seen_at, forgotten_at)
SELECT
    s.channel,
    s.address_hash,
    '' AS address,
    %(now)s,
    max(least(s.deleted_at, %(now)s)) AS forgotten_at
FROM (
    SELECT
        k.channel,
        k.address_hash,
        k.deleted_at
    FROM kept_out AS k
    UNION ALL
    SELECT
        c.channel,
        c.address_hash,
        c.version_at
    FROM incoming_contacts AS i
    INNER JOIN core.contacts AS c
        ON i.source = c.source AND i.external_id = c.external_id AND i.channel = c.channel AND i.address_hash = c.address_hash
    WHERE c.is_deleted
) AS s
GROUP BY s.channel, s.address_hash
ORDER BY s.channel, s.address_hash
ON CONFLICT (channel, address_hash) DO UPDATE
    SET forgotten_at = excluded.forgotten_at
    WHERE octet_length(p.address) = 0 AND p.forgotten_at < excluded.forgotten_at AND excluded.forgotten_at < %(now)s;
