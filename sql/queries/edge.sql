-- Statements of the room `edge`: all that the service facing the internet may do.

-- name: limit_time
SELECT set_config('statement_timeout', %(milliseconds)s::text, FALSE);

-- name: alive
SELECT 1;

-- name: unsubscribe
-- Two records, because they answer different questions. The consent of this contact point for these purposes (that of the message, where
-- none are given) is withdrawn: that is what the person said. The address is suppressed for the channel: the shop's next export may still
-- say yes, and a new record of the same person would start without that answer; a suppression outlives both until it is lifted.
-- The event is written only when something changed, so a repeated click or a provider's retry adds nothing. What was asked for while
-- the warehouse was away counts from then: a later yes of the person herself, on the preference page, is not undone by it.
WITH target AS (
    SELECT
        s.send_id,
        s.contact_point_id,
        s.channel,
        p.purpose,
        c.address_hash,
        ops.event_id('edge', concat_ws(E'\x1f', 'unsubscribe', s.send_id::text, p.purpose, %(asked_at)s::timestamptz::text))
            AS consent_event_id,
        NOT EXISTS (
            SELECT 1 FROM privacy.consent_events AS e
            WHERE
                e.contact_point_id = s.contact_point_id
                AND e.channel = s.channel
                AND e.granted
                AND e.how = %(page)s
                AND e.occurred_at > %(asked_at)s::timestamptz
        ) AS is_newest
    FROM activation.sends AS s
    INNER JOIN core.contact_points AS c ON s.contact_point_id = c.contact_point_id
    CROSS JOIN
        LATERAL (SELECT DISTINCT unnest(coalesce(%(purposes)s::text[], ARRAY[s.purpose])) AS purpose) AS p
    WHERE s.send_id = %(send_id)s AND s.purpose <> 'post'
),

withdrawn AS (
    INSERT INTO privacy.consents AS k (contact_point_id, channel, purpose, granted, changed_at)
    SELECT
        t.contact_point_id,
        t.channel,
        t.purpose,
        FALSE AS granted,
        %(asked_at)s
    FROM target AS t
    WHERE t.is_newest
    ON CONFLICT (contact_point_id, channel, purpose) DO UPDATE
        SET
            granted = FALSE,
            changed_at = greatest(k.changed_at, excluded.changed_at)
        WHERE k.granted
    RETURNING k.purpose
),

suppressed AS (
    INSERT INTO privacy.suppressions (channel, address_hash, reason, since)
    SELECT DISTINCT
        t.channel,
        t.address_hash,
        'unsubscribed' AS reason,
        %(asked_at)s::timestamptz AS since
    FROM target AS t
    WHERE t.is_newest
    ON CONFLICT DO NOTHING
    RETURNING 1
),

noted AS (
    INSERT INTO privacy.consent_events (
        consent_event_id, contact_point_id, channel, purpose, granted, occurred_at, recorded_at, how, send_id
    )
    SELECT
        t.consent_event_id,
        t.contact_point_id,
        t.channel,
        t.purpose,
        FALSE AS granted,
        %(asked_at)s AS occurred_at,
        %(now)s AS recorded_at,
        %(how)s,
        t.send_id
    FROM target AS t
    WHERE t.purpose IN (SELECT w.purpose FROM withdrawn AS w) OR EXISTS (SELECT 1 FROM suppressed)
    ON CONFLICT DO NOTHING
)

SELECT count(*) FROM target;

-- name: subscribe
-- Offers again, on the channel of the message, and messages about orders where they were forbidden: only where the answer before was a
-- no that is older.
WITH target AS (
    SELECT
        s.send_id,
        s.contact_point_id,
        s.channel,
        p.purpose,
        ops.event_id('edge', concat_ws(E'\x1f', 'subscribe', s.send_id::text, p.purpose, %(asked_at)s::timestamptz::text))
            AS consent_event_id
    FROM activation.sends AS s
    CROSS JOIN unnest(ARRAY['marketing', 'transactional']) AS p (purpose)
    LEFT JOIN privacy.consents AS o
        ON s.contact_point_id = o.contact_point_id AND s.channel = o.channel AND p.purpose = o.purpose
    WHERE
        s.send_id = %(send_id)s
        AND s.purpose <> 'post'
        AND (p.purpose = 'marketing' OR o.granted IS FALSE)
),

granted AS (
    INSERT INTO privacy.consents AS k (contact_point_id, channel, purpose, granted, changed_at)
    SELECT
        t.contact_point_id,
        t.channel,
        t.purpose,
        TRUE AS granted,
        %(asked_at)s
    FROM target AS t
    ON CONFLICT (contact_point_id, channel, purpose) DO UPDATE
        SET granted = TRUE, changed_at = excluded.changed_at
        WHERE NOT k.granted AND k.changed_at <= excluded.changed_at
    RETURNING k.contact_point_id, k.purpose
),

lifted AS (
    SELECT privacy.lift_unsubscription(g.contact_point_id, %(asked_at)s) AS suppressions
    FROM granted AS g
    WHERE g.purpose = 'marketing'
),

noted AS (
    INSERT INTO privacy.consent_events (
        consent_event_id, contact_point_id, channel, purpose, granted, occurred_at, recorded_at, how, consent_text, send_id
    )
    SELECT
        t.consent_event_id,
        t.contact_point_id,
        t.channel,
        t.purpose,
        TRUE AS granted,
        %(asked_at)s AS occurred_at,
        %(now)s AS recorded_at,
        %(page)s AS how,
        %(consent_text)s,
        t.send_id
    FROM target AS t
    INNER JOIN granted AS g ON t.purpose = g.purpose
    LEFT JOIN lifted AS l ON t.purpose = 'marketing'
    WHERE l.suppressions >= 0 OR t.purpose <> 'marketing'
    ON CONFLICT DO NOTHING
)

SELECT count(*) FROM target;

-- name: prefer
-- What a person chose. A form that was opened before a topic was added says nothing about that topic; of what came in the wrong order
-- the newest counts.
WITH target AS (
    SELECT
        s.send_id,
        s.contact_point_id,
        array(
            SELECT DISTINCT t.topic
            FROM (
                SELECT unnest(o.unwanted_topics) AS topic
                EXCEPT ALL
                SELECT unnest(%(shown_topics)s::text[]) AS topic
                UNION ALL
                SELECT unnest(%(unwanted_topics)s::text[]) AS topic
            ) AS t
            ORDER BY t.topic
        ) AS unwanted_topics
    FROM activation.sends AS s
    LEFT JOIN privacy.preferences AS o ON s.contact_point_id = o.contact_point_id
    WHERE s.send_id = %(send_id)s AND s.purpose <> 'post'
),

saved AS (
    INSERT INTO privacy.preferences AS p (
        contact_point_id, unwanted_topics, max_messages, max_days, language, changed_at
    )
    SELECT
        t.contact_point_id,
        t.unwanted_topics,
        %(max_messages)s,
        %(max_days)s,
        %(language)s,
        %(asked_at)s
    FROM target AS t
    ON CONFLICT (contact_point_id) DO UPDATE
        SET
            unwanted_topics = excluded.unwanted_topics,
            max_messages = excluded.max_messages,
            max_days = excluded.max_days,
            language = excluded.language,
            changed_at = excluded.changed_at
        WHERE
        p.changed_at <= excluded.changed_at
        AND (
            p.unwanted_topics <> excluded.unwanted_topics
            OR p.max_messages IS DISTINCT FROM excluded.max_messages
            OR p.max_days IS DISTINCT FROM excluded.max_days
            OR p.language IS DISTINCT FROM excluded.language
        )
    RETURNING p.*
),

noted AS (
    INSERT INTO privacy.preference_events (
        preference_event_id, contact_point_id, unwanted_topics, max_messages, max_days, language, occurred_at, recorded_at, send_id
    )
    SELECT
        ops.event_id('edge', concat_ws(E'\x1f', 'prefer', t.send_id::text, %(asked_at)s::timestamptz::text)) AS preference_event_id,
        n.contact_point_id,
        n.unwanted_topics,
        n.max_messages,
        n.max_days,
        n.language,
        %(asked_at)s AS occurred_at,
        %(now)s AS recorded_at,
        t.send_id
    FROM saved AS n
    INNER JOIN target AS t ON n.contact_point_id = t.contact_point_id
    ON CONFLICT DO NOTHING
)

SELECT count(*) FROM target;

-- name: preferences
-- What the preference page shows: the choices, and whether offers may come by the message's channel.
SELECT
    s.channel,
    coalesce(p.unwanted_topics, '{}') AS unwanted_topics,
    p.max_messages,
    p.max_days,
    p.language,
    coalesce(c.granted, FALSE) AS is_subscribed
FROM activation.sends AS s
LEFT JOIN privacy.preferences AS p ON s.contact_point_id = p.contact_point_id
LEFT JOIN privacy.consents AS c
    ON s.contact_point_id = c.contact_point_id AND s.channel = c.channel AND c.purpose = 'marketing'
WHERE s.send_id = %(send_id)s AND s.purpose <> 'post';

-- name: web_version
-- What a mail is written from, without the person: the plan's templates, those of her arm, the products, the language.
SELECT
    l.definition,
    s.variant,
    l.business_date,
    CASE
        WHEN f.language IS NULL OR lower(split_part(replace(cu.locale, '_', '-'), '-', 1)) = f.language THEN cu.locale
        ELSE f.language
    END AS locale,
    coalesce(
        (
            SELECT jsonb_agg(jsonb_build_object('product_id', p.product_id, 'name', p.product_name) ORDER BY i.place)
            FROM
                jsonb_array_elements_text(
                    CASE jsonb_typeof(s.content -> 'product_ids') WHEN 'array' THEN s.content -> 'product_ids' ELSE '[]' END
                ) WITH ORDINALITY AS i (product_id, place)
            INNER JOIN marts.products AS p ON p.product_id = i.product_id::bigint
        ),
        '[]'
    ) AS products
FROM activation.sends AS s
INNER JOIN activation.plans AS l ON s.plan_id = l.plan_id
LEFT JOIN privacy.preferences AS f ON s.contact_point_id = f.contact_point_id
LEFT JOIN core.customers AS cu ON s.customer_id = cu.customer_id
WHERE s.send_id = %(send_id)s AND s.channel = 'email';
