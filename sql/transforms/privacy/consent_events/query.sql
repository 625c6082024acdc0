-- step: delivered_answers
-- Every answer that was delivered, also an older one. A yes without its time proves nothing and does not count; a no counts
-- from the delivery on. Nobody can have answered after the delivery, so a later time is cut back to it: else a wrong year
-- would outlive every unsubscription.
INSERT INTO privacy.consent_events (
    consent_event_id, contact_point_id, channel, purpose, granted, occurred_at, recorded_at, how, consent_text
)
SELECT DISTINCT ON (a.consent_event_id)
    a.consent_event_id,
    a.contact_point_id,
    a.channel,
    a.purpose,
    a.granted,
    a.occurred_at,
    %(now)s,
    a.how,
    a.consent_text
FROM (
    SELECT
        p.contact_point_id,
        d.channel,
        d.purpose,
        d.granted,
        d.consent_text,
        d.file_id,
        d.record_no,
        least(d.answered_at, d.started_at) AS occurred_at,
        coalesce(d.how || ', ', '') || 'delivered by ' || d.source AS how,
        ops.event_id(
            d.source,
            concat_ws(
                '/', 'consent', encode(d.address_hash, 'hex'), d.channel, d.purpose,
                extract(EPOCH FROM d.answered_at)::text, d.granted::text
            )
        ) AS consent_event_id
    FROM (
        SELECT
            l.system AS source,
            r.customer_ref,
            l.started_at,
            r.email_hash AS address_hash,
            'email' AS channel,
            'marketing' AS purpose,
            r.email_consent AS granted,
            coalesce(r.consent_at, l.started_at) AS answered_at,
            NULL AS how,
            r.consent_text,
            r.file_id,
            r.record_no
        FROM raw.customers AS r
        INNER JOIN merging_loads AS l ON r.load_id = l.load_id
        WHERE
            NOT r.is_deleted
            AND r.email_hash IS NOT NULL
            AND r.email_consent IS NOT NULL
            AND (r.consent_at IS NOT NULL OR NOT r.email_consent)
        UNION ALL
        SELECT
            i.source,
            i.customer_ref,
            i.started_at,
            i.address_hash,
            i.channel,
            i.purpose,
            i.granted,
            i.answered_at,
            i.how,
            i.consent_text,
            i.file_id,
            i.record_no
        FROM incoming_answers AS i
        WHERE i.address_hash IS NOT NULL
    ) AS d
    INNER JOIN core.contact_points AS p ON d.channel = p.channel AND d.address_hash = p.address_hash
    WHERE
        -- a yes of the future that another system has delivered first was given by then
        NOT EXISTS (
            SELECT FROM (SELECT DISTINCT o.system FROM ops.loads AS o) AS o
            INNER JOIN privacy.consent_events AS e
                ON e.consent_event_id = ops.event_id(
                    o.system,
                    concat_ws(
                        '/', 'consent', encode(d.address_hash, 'hex'), d.channel, d.purpose,
                        extract(EPOCH FROM d.answered_at)::text, d.granted::text
                    )
                )
            WHERE d.granted AND d.answered_at > d.started_at
        )
        -- the yes of a number that was deleted since went with the address, unless somebody else had it then
        AND NOT EXISTS (
            SELECT FROM deleted_customers AS g
            WHERE
                d.granted AND g.source = d.source AND g.external_id = d.customer_ref
                AND g.deleted_at >= least(d.answered_at, d.started_at)
                AND NOT EXISTS (
                    SELECT FROM core.customer_keys AS k
                    INNER JOIN core.customer_versions AS v ON k.source = v.source AND k.external_id = v.external_id
                    WHERE
                        k.key_kind = CASE d.channel WHEN 'sms' THEN 'phone' ELSE d.channel END
                        AND k.key_hash = d.address_hash AND (k.source, k.external_id) <> (g.source, g.external_id)
                        AND k.key_hash IN (v.email_hash, v.phone_hash) AND v.valid_from <= g.deleted_at
                )
                AND NOT EXISTS (
                    SELECT FROM core.contacts AS c
                    WHERE
                        c.channel = d.channel AND c.address_hash = d.address_hash
                        AND (c.source, c.external_id) <> (g.source, g.external_id) AND c.version_at <= g.deleted_at
                )
        )
) AS a
ORDER BY a.consent_event_id, a.file_id, a.record_no
ON CONFLICT (consent_event_id) DO NOTHING;

-- step: note_customers
-- Whose answers may be new beside those whose addresses may have changed: who was named, and who has an address that was
-- named or whose link was followed since the last build (two days more, since the edge's transactions end when they end).
WITH answered AS (
    SELECT
        n.channel,
        n.address_hash
    FROM incoming_answers AS n
    WHERE n.address_hash IS NOT NULL
    UNION
    SELECT
        p.channel,
        p.address_hash
    FROM privacy.consent_events AS e
    INNER JOIN core.contact_points AS p ON e.contact_point_id = p.contact_point_id
    WHERE
        e.send_id IS NOT NULL
        AND e.recorded_at > coalesce(
            (
                SELECT f.refreshed_at - interval '2 days' FROM ops.table_freshness AS f
                WHERE f.table_name = 'privacy.consent_events'
            ),
            '-infinity'
        )
)

INSERT INTO addressed_customers (customer_id)
SELECT i.customer_id
FROM core.customer_identifiers AS i
INNER JOIN incoming_answers AS n ON i.source = n.source AND i.external_id = n.customer_ref
UNION
SELECT p.customer_id
FROM core.contact_points AS p
INNER JOIN answered AS n ON p.channel = n.channel AND p.address_hash = n.address_hash
WHERE p.customer_id IS NOT NULL
UNION
SELECT k.customer_id
FROM core.customer_keys AS k
INNER JOIN answered AS n
    ON k.key_hash = n.address_hash AND k.key_kind = CASE n.channel WHEN 'sms' THEN 'phone' ELSE n.channel END;

-- step: note_points
-- Her addresses are those that are hers, those that she has and those that her records and contacts ever said: the first
-- to bring an address owns it, and who shares it may have been written to there as well.
INSERT INTO customer_points (customer_id, contact_point_id)
SELECT
    p.customer_id,
    p.contact_point_id
FROM core.contact_points AS p
WHERE p.customer_id IN (SELECT t.customer_id FROM addressed_customers AS t)
UNION
SELECT
    a.customer_id,
    k.contact_point_id
FROM core.current_addresses AS a
CROSS JOIN LATERAL (VALUES (a.contact_point_id), (a.sms_contact_point_id)) AS k (contact_point_id)
WHERE k.contact_point_id IS NOT NULL AND a.customer_id IN (SELECT t.customer_id FROM addressed_customers AS t)
UNION
SELECT
    i.customer_id,
    p.contact_point_id
FROM core.customer_identifiers AS i
INNER JOIN core.customer_versions AS v ON i.source = v.source AND i.external_id = v.external_id
CROSS JOIN LATERAL (VALUES ('email', v.email_hash), ('sms', v.phone_hash)) AS k (channel, address_hash)
INNER JOIN core.contact_points AS p ON k.channel = p.channel AND k.address_hash = p.address_hash
WHERE i.customer_id IN (SELECT t.customer_id FROM addressed_customers AS t)
UNION
SELECT
    i.customer_id,
    p.contact_point_id
FROM core.customer_identifiers AS i
INNER JOIN core.contacts AS c ON i.source = c.source AND i.external_id = c.external_id
INNER JOIN core.contact_points AS p ON c.channel = p.channel AND c.address_hash = p.address_hash
WHERE i.customer_id IN (SELECT t.customer_id FROM addressed_customers AS t);

-- step: answers_of_customers
-- They count for the address that the customer has; a yes not when she has said no since, at any of her addresses, nor when
-- the number that gave it has been deleted since.
INSERT INTO privacy.consent_events (
    consent_event_id, contact_point_id, channel, purpose, granted, occurred_at, recorded_at, how, consent_text
)
SELECT
    ops.event_id(
        a.source,
        concat_ws(
            '/', 'consent', encode(p.address_hash, 'hex'), a.channel, a.purpose, extract(EPOCH FROM a.answered_at)::text,
            a.granted::text
        )
    ) AS consent_event_id,
    p.contact_point_id,
    a.channel,
    a.purpose,
    a.granted,
    a.occurred_at,
    %(now)s,
    coalesce(a.how || ', ', '') || 'delivered by ' || a.source AS how,
    a.consent_text
FROM privacy.customer_answers AS a
INNER JOIN core.customer_identifiers AS i ON a.source = i.source AND a.external_id = i.external_id
INNER JOIN core.current_addresses AS c ON i.customer_id = c.customer_id
INNER JOIN core.contact_points AS p
    ON p.contact_point_id = CASE a.channel WHEN 'email' THEN c.contact_point_id ELSE c.sms_contact_point_id END
WHERE
    i.customer_id IN (SELECT t.customer_id FROM addressed_customers AS t)
    AND NOT EXISTS (
        SELECT FROM customer_points AS q
        INNER JOIN privacy.consent_events AS e ON q.contact_point_id = e.contact_point_id
        WHERE
            a.granted AND q.customer_id = i.customer_id AND e.channel = a.channel AND e.purpose = a.purpose
            AND NOT e.granted AND e.occurred_at >= a.occurred_at
            AND e.how NOT LIKE 'customer deleted by %%' AND e.how <> 'said at another address of the customer'
    )
    AND NOT EXISTS (
        SELECT FROM core.customer_versions AS v
        WHERE
            a.granted AND v.source = a.source AND v.external_id = a.external_id AND v.is_deleted
            AND v.confirmed_at >= a.occurred_at
    )
ORDER BY a.source, a.external_id, a.channel, a.purpose, a.answered_at
ON CONFLICT (consent_event_id) DO NOTHING;

-- step: refusals_at_other_addresses
-- A no counts for the person: one that was said at one of her addresses, as by a link in an old message, counts for all of
-- them, also where a message is on its way, unless she has answered there since. A deletion is no answer, and what came here
-- from another one's address is not handed on.
INSERT INTO privacy.consent_events (
    consent_event_id, contact_point_id, channel, purpose, granted, occurred_at, recorded_at, how
)
SELECT DISTINCT ON (c.contact_point_id, n.channel, n.purpose)
    ops.event_id(
        'marketflow',
        concat_ws(
            '/', 'consent', encode(c.address_hash, 'hex'), n.channel, n.purpose, extract(EPOCH FROM n.occurred_at)::text,
            'elsewhere'
        )
    ) AS consent_event_id,
    c.contact_point_id,
    n.channel,
    n.purpose,
    FALSE AS granted,
    n.occurred_at,
    %(now)s,
    'said at another address of the customer' AS how
FROM (
    SELECT
        p.customer_id,
        e.channel,
        e.purpose,
        max(e.occurred_at) AS occurred_at
    FROM customer_points AS p
    INNER JOIN privacy.consent_events AS e ON p.contact_point_id = e.contact_point_id
    WHERE
        NOT e.granted
        AND e.how NOT LIKE 'customer deleted by %%'
        AND e.how <> 'said at another address of the customer'
    GROUP BY p.customer_id, e.channel, e.purpose
) AS n
INNER JOIN customer_points AS h ON n.customer_id = h.customer_id
INNER JOIN core.contact_points AS c ON h.contact_point_id = c.contact_point_id AND n.channel = c.channel
WHERE
    NOT EXISTS (
        SELECT FROM privacy.consent_events AS o
        WHERE
            o.contact_point_id = c.contact_point_id AND o.channel = n.channel AND o.purpose = n.purpose
            AND (o.occurred_at > n.occurred_at OR (o.occurred_at = n.occurred_at AND NOT o.granted))
    )
ORDER BY c.contact_point_id ASC, n.channel ASC, n.purpose ASC, n.occurred_at DESC
ON CONFLICT (consent_event_id) DO NOTHING;

-- step: deleted_customers
-- Whose source has deleted them, and whose address is gone with it, is not advertised to: as if they had said no. Of an order
-- they hear again when they come back; where the address is gone nothing is sent in any case.
INSERT INTO privacy.consent_events (
    consent_event_id, contact_point_id, channel, purpose, granted, occurred_at, recorded_at, how
)
SELECT DISTINCT ON (p.contact_point_id, w.purpose)
    ops.event_id(
        d.source,
        concat_ws(
            '/', 'consent', encode(p.address_hash, 'hex'), p.channel, w.purpose, extract(EPOCH FROM d.deleted_at)::text,
            'deleted'
        )
    ) AS consent_event_id,
    p.contact_point_id,
    p.channel,
    w.purpose,
    FALSE AS granted,
    least(d.deleted_at, %(now)s) AS occurred_at,
    %(now)s,
    'customer deleted by ' || d.source AS how
FROM (
    SELECT
        g.source,
        g.external_id,
        g.deleted_at,
        k.contact_point_id
    FROM deleted_customers AS g
    INNER JOIN core.customer_identifiers AS i ON g.source = i.source AND g.external_id = i.external_id
    INNER JOIN core.contact_points AS k ON i.customer_id = k.customer_id AND k.channel IN ('email', 'sms')
    UNION ALL
    SELECT
        g.source,
        g.external_id,
        g.deleted_at,
        k.contact_point_id
    FROM kept_out AS g
    INNER JOIN core.contact_points AS k ON g.channel = k.channel AND g.address_hash = k.address_hash
    WHERE k.customer_id IS NULL
) AS d
INNER JOIN core.contact_points AS p ON d.contact_point_id = p.contact_point_id
INNER JOIN
    LATERAL (
        SELECT c.purpose FROM privacy.consents AS c
        WHERE c.contact_point_id = p.contact_point_id AND c.channel = p.channel AND c.purpose <> 'transactional'
        UNION
        VALUES ('marketing')
    ) AS w
    ON TRUE
WHERE octet_length(p.address) = 0
ORDER BY p.contact_point_id ASC, w.purpose ASC, d.deleted_at DESC, d.source ASC, d.external_id ASC
ON CONFLICT (consent_event_id) DO NOTHING;
