-- step: note_customers
INSERT INTO addressed_customers (customer_id)
SELECT i.customer_id
FROM core.customer_identifiers AS i
INNER JOIN (
    SELECT
        n.source,
        n.external_id
    FROM incoming_customers AS n
    UNION
    SELECT
        n.source,
        n.external_id
    FROM incoming_contacts AS n
) AS t ON i.source = t.source AND i.external_id = t.external_id
UNION
SELECT s.kept_customer_id FROM same_customers AS s;

-- step: note_points_before
INSERT INTO touched_points (contact_point_id)
SELECT k.contact_point_id
FROM core.current_addresses AS a
CROSS JOIN LATERAL (VALUES (a.contact_point_id), (a.sms_contact_point_id)) AS k (contact_point_id)
WHERE k.contact_point_id IS NOT NULL AND a.customer_id IN (SELECT t.customer_id FROM addressed_customers AS t);

-- step: newest
-- What the feeds say of a customer's address: the one that changed it last counts, also when it says that there is no
-- usable one any more. A feed that never had one says nothing, and many have none at all. Where none is left the newest
-- contact does, but not with an address that was given up since. A customer of whom there is no version was known before
-- versions were kept: the address stays, unless it is a contact's.
WITH versions AS (
    SELECT
        i.customer_id,
        v.source,
        v.external_id,
        v.feed,
        k.channel,
        k.address_hash,
        (lag(k.said) OVER w IS DISTINCT FROM k.said) AS is_changed,
        v.valid_from,
        (v.valid_to IS NULL AND NOT v.is_deleted) AS is_current,
        v.file_id,
        v.record_no
    FROM core.customer_identifiers AS i
    INNER JOIN core.customer_versions AS v ON i.source = v.source AND i.external_id = v.external_id
    CROSS JOIN
        LATERAL (
            VALUES
            ('email', v.email_hash, coalesce(v.email_hash, convert_to(v.email_refusal, 'UTF8'))),
            ('sms', v.phone_hash, coalesce(v.phone_hash, convert_to(v.phone_refusal, 'UTF8')))
        ) AS k (channel, address_hash, said)
    WHERE
        i.customer_id IN (SELECT t.customer_id FROM addressed_customers AS t)
        AND (v.source, v.external_id, v.feed) IN (
            SELECT
                a.source,
                a.external_id,
                a.feed
            FROM core.customer_versions AS a
            WHERE coalesce(a.email_hash, a.phone_hash) IS NOT NULL OR coalesce(a.email_refusal, a.phone_refusal) IS NOT NULL
        )
    WINDOW w AS (PARTITION BY v.source, v.external_id, v.feed, k.channel ORDER BY v.valid_from)
),

feeds AS (
    SELECT
        v.*,
        max(v.valid_from) FILTER (WHERE v.is_changed) OVER (
            PARTITION BY v.source, v.external_id, v.feed, v.channel
        ) AS since
    FROM versions AS v
),

records AS (
    SELECT DISTINCT ON (f.customer_id, f.channel)
        f.customer_id,
        f.channel,
        f.address_hash,
        1 AS place,
        f.since,
        f.file_id,
        f.record_no
    FROM feeds AS f
    WHERE f.is_current AND f.since IS NOT NULL
    ORDER BY f.customer_id ASC, f.channel ASC, f.since DESC, f.file_id DESC, f.record_no DESC
),

given_up AS (
    SELECT DISTINCT
        r.customer_id,
        r.channel,
        v.address_hash,
        r.since
    FROM records AS r
    INNER JOIN versions AS v ON r.customer_id = v.customer_id AND r.channel = v.channel
    WHERE r.address_hash IS NULL AND v.address_hash IS NOT NULL
),

addresses AS (
    SELECT DISTINCT ON (s.customer_id, s.channel)
        s.customer_id,
        s.channel,
        p.contact_point_id
    FROM (
        SELECT r.* FROM records AS r
        UNION ALL
        SELECT
            i.customer_id,
            c.channel,
            c.address_hash,
            2 AS place,
            c.version_at,
            c.file_id,
            c.record_no
        FROM core.customer_identifiers AS i
        INNER JOIN core.contacts AS c ON i.source = c.source AND i.external_id = c.external_id
        LEFT JOIN given_up AS g ON i.customer_id = g.customer_id AND c.channel = g.channel AND c.address_hash = g.address_hash
        WHERE
            i.customer_id IN (SELECT t.customer_id FROM addressed_customers AS t)
            AND NOT c.is_deleted
            AND coalesce(c.version_at > g.since, TRUE)
    ) AS s
    INNER JOIN core.contact_points AS p ON s.channel = p.channel AND s.address_hash = p.address_hash
    ORDER BY s.customer_id ASC, s.channel ASC, s.place ASC, s.since DESC, s.file_id DESC, s.record_no DESC
),

known_before AS (
    SELECT
        a.customer_id,
        a.contact_point_id
    FROM core.current_addresses AS a
    INNER JOIN core.contact_points AS p ON a.contact_point_id = p.contact_point_id
    WHERE
        a.customer_id IN (SELECT t.customer_id FROM addressed_customers AS t)
        AND NOT EXISTS (
            SELECT FROM core.customer_identifiers AS i
            INNER JOIN core.customer_versions AS v ON i.source = v.source AND i.external_id = v.external_id
            WHERE i.customer_id = a.customer_id
        )
        AND NOT EXISTS (
            SELECT FROM core.customer_identifiers AS i
            INNER JOIN core.contacts AS c ON i.source = c.source AND i.external_id = c.external_id
            WHERE i.customer_id = a.customer_id AND c.channel = p.channel AND c.address_hash = p.address_hash
        )
),

written AS (
    INSERT INTO core.current_addresses AS a (customer_id, contact_point_id, sms_contact_point_id)
    SELECT DISTINCT
        t.customer_id,
        coalesce(b.contact_point_id, e.contact_point_id) AS contact_point_id,
        s.contact_point_id AS sms_contact_point_id
    FROM addressed_customers AS t
    LEFT JOIN known_before AS b ON t.customer_id = b.customer_id
    LEFT JOIN addresses AS e ON t.customer_id = e.customer_id AND e.channel = 'email'
    LEFT JOIN addresses AS s ON t.customer_id = s.customer_id AND s.channel = 'sms'
    ORDER BY t.customer_id
    ON CONFLICT (customer_id) DO UPDATE
        SET
            contact_point_id = excluded.contact_point_id,
            sms_contact_point_id = excluded.sms_contact_point_id
        WHERE
        (a.contact_point_id, a.sms_contact_point_id)
        IS DISTINCT FROM (excluded.contact_point_id, excluded.sms_contact_point_id)
    RETURNING a.customer_id
)

INSERT INTO touched (entity, key)
SELECT
    'customer' AS entity,
    w.customer_id::text
FROM written AS w;

-- step: note_points_after
INSERT INTO touched_points (contact_point_id)
SELECT k.contact_point_id
FROM core.current_addresses AS a
CROSS JOIN LATERAL (VALUES (a.contact_point_id), (a.sms_contact_point_id)) AS k (contact_point_id)
WHERE k.contact_point_id IS NOT NULL AND a.customer_id IN (SELECT t.customer_id FROM addressed_customers AS t);

-- step: move
-- An address that its customer gave up and another one has now is that one's. The ledger holds the address, not the
-- customer, so nothing of what was sent changes.
UPDATE core.contact_points AS p
SET customer_id = n.customer_id
FROM (
    SELECT
        s.contact_point_id,
        min(s.customer_id) AS customer_id
    FROM (
        SELECT
            a.contact_point_id,
            a.customer_id
        FROM core.current_addresses AS a
        WHERE a.contact_point_id IN (SELECT t.contact_point_id FROM touched_points AS t)
        UNION ALL
        SELECT
            a.sms_contact_point_id,
            a.customer_id
        FROM core.current_addresses AS a
        WHERE a.sms_contact_point_id IN (SELECT t.contact_point_id FROM touched_points AS t)
    ) AS s
    GROUP BY s.contact_point_id
) AS n
WHERE
    p.contact_point_id = n.contact_point_id
    AND NOT EXISTS (
        SELECT FROM core.current_addresses AS a
        WHERE a.customer_id = p.customer_id AND p.contact_point_id IN (a.contact_point_id, a.sms_contact_point_id)
    );

-- step: forget
-- Addresses of a customer whom a source deleted, and contacts that are gone, unless somebody has them, another source has
-- said them since, or an answer came from there since. The row stays, without the address: the ledger names it, and what
-- waits there is not sent. A contact that goes while it is somebody's address is forgotten when that one gives it up.
UPDATE core.contact_points AS p
SET
    address = '',
    forgotten_at = g.deleted_at
FROM (
    SELECT
        k.contact_point_id,
        n.deleted_at
    FROM (
        SELECT
            s.contact_point_id,
            max(least(s.deleted_at, %(now)s)) AS deleted_at,
            max(s.deleted_at) FILTER (WHERE s.deleted_at <= %(now)s) AS known_at
        FROM (
            SELECT
                k.contact_point_id,
                d.deleted_at
            FROM deleted_customers AS d
            INNER JOIN core.customer_identifiers AS i ON d.source = i.source AND d.external_id = i.external_id
            INNER JOIN core.contact_points AS k ON i.customer_id = k.customer_id
            WHERE
                NOT EXISTS (
                    SELECT FROM core.customer_identifiers AS o
                    INNER JOIN core.customer_versions AS v ON o.source = v.source AND o.external_id = v.external_id
                    WHERE o.customer_id = i.customer_id AND k.address_hash IN (v.email_hash, v.phone_hash)
                )
            UNION ALL
            SELECT
                c.contact_point_id,
                greatest(
                    c.version_at,
                    (
                        SELECT max(v.confirmed_at) FROM core.customer_versions AS v
                        WHERE v.source = c.source AND v.external_id = c.external_id AND v.is_deleted
                    )
                ) AS deleted_at
            FROM (
                SELECT
                    q.contact_point_id,
                    h.source,
                    h.external_id,
                    h.version_at
                FROM core.customer_identifiers AS i
                INNER JOIN core.contacts AS h ON i.source = h.source AND i.external_id = h.external_id
                INNER JOIN core.contact_points AS q ON h.channel = q.channel AND h.address_hash = q.address_hash
                WHERE h.is_deleted AND i.customer_id IN (SELECT t.customer_id FROM addressed_customers AS t)
                UNION
                SELECT
                    q.contact_point_id,
                    h.source,
                    h.external_id,
                    h.version_at
                FROM core.contacts AS h
                INNER JOIN core.contact_points AS q ON h.channel = q.channel AND h.address_hash = q.address_hash
                WHERE h.is_deleted AND q.contact_point_id IN (SELECT t.contact_point_id FROM touched_points AS t)
            ) AS c
        ) AS s
        GROUP BY s.contact_point_id
    ) AS n
    INNER JOIN core.contact_points AS k ON n.contact_point_id = k.contact_point_id
    WHERE
        k.channel IN ('email', 'sms')
        -- a deletion of the future counts from the build that brought it, and not from each later one
        AND (octet_length(k.address) > 0 OR k.forgotten_at < n.known_at)
        AND NOT EXISTS (
            SELECT FROM core.current_addresses AS a
            WHERE a.contact_point_id = k.contact_point_id
        )
        AND NOT EXISTS (
            SELECT FROM core.current_addresses AS a
            WHERE a.sms_contact_point_id = k.contact_point_id
        )
        AND NOT EXISTS (
            SELECT FROM core.contacts AS c
            WHERE c.channel = k.channel AND c.address_hash = k.address_hash AND NOT c.is_deleted
        )
        AND NOT EXISTS (
            SELECT FROM incoming_answers AS w
            WHERE
                w.channel = k.channel AND w.address_hash = k.address_hash
                AND least(w.answered_at, w.started_at) > n.deleted_at
        )
        -- a yes that was said by the customer's number was said of any address, and keeps none
        AND NOT EXISTS (
            SELECT FROM privacy.consent_events AS e
            WHERE
                e.contact_point_id = k.contact_point_id AND e.occurred_at > n.deleted_at AND e.how LIKE '%%delivered by %%'
                AND NOT EXISTS (
                    SELECT FROM core.customer_identifiers AS i
                    INNER JOIN privacy.customer_answers AS a ON i.source = a.source AND i.external_id = a.external_id
                    WHERE
                        i.customer_id = k.customer_id AND a.granted
                        AND e.consent_event_id = ops.event_id(
                            a.source,
                            concat_ws(
                                '/', 'consent', encode(k.address_hash, 'hex'), a.channel, a.purpose,
                                extract(EPOCH FROM a.answered_at)::text, a.granted::text
                            )
                        )
                )
        )
) AS g
WHERE p.contact_point_id = g.contact_point_id;

-- step: forget_choices
-- What was chosen for an address goes with it. Few choose.
DELETE FROM privacy.preferences AS f
USING core.contact_points AS p
WHERE f.contact_point_id = p.contact_point_id AND octet_length(p.address) = 0;
