-- Statements of the room `edge`: all that the service facing the internet may do.

-- name: limit_time
SELECT set_config('statement_timeout', %(milliseconds)s::text, FALSE);

-- name: alive
SELECT 1;

-- name: in_turn
-- Answers about one contact point are recorded one after the other, so that each sees what the one before it has left. A statement of
-- its own: what follows must see the warehouse as it is when the turn has come.
SELECT pg_advisory_xact_lock(hashtextextended('marketflow.answers.' || s.contact_point_id, 0))
FROM activation.sends AS s
WHERE s.send_id = %(send_id)s;

-- name: unsubscribe
-- Two records, because they answer different questions. The consent of this contact point for these purposes (that of the message, where
-- none are given) is withdrawn: that is what the person said. The address is suppressed for the channel: the shop's next export may still
-- say yes, and a new record of the same person would start without that answer; a suppression outlives both until it is lifted.
-- The newest word by the time at which it was said counts, in whatever order words come: one that was said while the warehouse was away
-- may come long after it. So a no that is said again moves the times of both, and an older yes that comes later finds it; a later yes of
-- the person herself, on the preference page, is not undone by a no that comes late. An event is written when something changed, or when
-- the no before is a minute old: a repeated click or a provider's retry adds none.
WITH target AS (
    SELECT
        s.send_id,
        s.contact_point_id,
        s.channel,
        p.purpose,
        ops.event_id('edge', concat_ws(E'\x1f', 'unsubscribe', s.send_id::text, p.purpose, %(asked_at)s::timestamptz::text))
            AS consent_event_id,
        (
            o.granted IS NOT FALSE
            OR NOT privacy.is_suppressed(s.contact_point_id)
            OR o.changed_at + interval '1 minute' <= %(asked_at)s::timestamptz
        ) AS is_news,
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
    CROSS JOIN
        LATERAL (SELECT DISTINCT unnest(coalesce(%(purposes)s::text[], ARRAY[s.purpose])) AS purpose) AS p
    LEFT JOIN privacy.consents AS o
        ON s.contact_point_id = o.contact_point_id AND s.channel = o.channel AND p.purpose = o.purpose
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
        WHERE k.granted OR k.changed_at < excluded.changed_at
),

suppressed AS (
    SELECT privacy.suppress_unsubscribed(n.contact_point_id, %(asked_at)s) AS suppressions
    FROM (
        SELECT DISTINCT t.contact_point_id
        FROM target AS t
        WHERE t.is_newest
    ) AS n
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
    WHERE t.is_newest AND t.is_news
    ON CONFLICT DO NOTHING
)

SELECT
    (SELECT count(*) FROM target) AS found,
    (SELECT sum(s.suppressions) FROM suppressed AS s) AS suppressed;

-- name: subscribe
-- Offers again, on the channel of the message, and messages about orders where they were forbidden: only where no answer is a no that is
-- as new. It lifts an unsubscription that is older also where a record of the shop has said yes in between. Where nothing was forbidden
-- the yes is noted all the same, unless one was a minute before: a no that was said before it may still be on its way.
WITH target AS (
    SELECT
        s.send_id,
        s.contact_point_id,
        s.channel,
        p.purpose,
        ops.event_id('edge', concat_ws(E'\x1f', 'subscribe', s.send_id::text, p.purpose, %(asked_at)s::timestamptz::text))
            AS consent_event_id,
        coalesce(o.granted OR o.changed_at < %(asked_at)s::timestamptz, TRUE) AS is_newest,
        (
            o.granted IS TRUE
            AND NOT privacy.is_suppressed(s.contact_point_id)
            AND NOT EXISTS (
                SELECT 1 FROM privacy.consent_events AS e
                WHERE
                    e.contact_point_id = s.contact_point_id
                    AND e.channel = s.channel
                    AND e.purpose = p.purpose
                    AND e.granted
                    AND e.how = %(page)s
                    AND e.occurred_at > %(asked_at)s::timestamptz - interval '1 minute'
            )
        ) AS is_confirmed
    FROM activation.sends AS s
    CROSS JOIN unnest(ARRAY['marketing', 'transactional']) AS p (purpose)
    LEFT JOIN privacy.consents AS o
        ON s.contact_point_id = o.contact_point_id AND s.channel = o.channel AND p.purpose = o.purpose
    WHERE
        s.send_id = %(send_id)s
        AND s.purpose <> 'post'
        AND privacy.has_address(s.contact_point_id)
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
    WHERE t.is_newest
    ON CONFLICT (contact_point_id, channel, purpose) DO UPDATE
        SET granted = TRUE, changed_at = excluded.changed_at
        WHERE NOT k.granted AND k.changed_at < excluded.changed_at
    RETURNING k.purpose
),

lifted AS (
    SELECT privacy.lift_unsubscription(t.contact_point_id, %(asked_at)s) AS suppressions
    FROM target AS t
    WHERE t.purpose = 'marketing' AND t.is_newest
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
    LEFT JOIN granted AS g ON t.purpose = g.purpose
    LEFT JOIN lifted AS l ON t.purpose = 'marketing'
    WHERE g.purpose IS NOT NULL OR l.suppressions > 0 OR t.is_confirmed
    ON CONFLICT DO NOTHING
)

SELECT
    (SELECT count(*) FROM target) AS found,
    (SELECT sum(l.suppressions) FROM lifted AS l) AS lifted;

-- name: prefer
-- What a person chose. A form that was opened before a topic was added says nothing about that topic; of what came in the wrong order
-- the newest counts, so choices that are the same as before move the time, and add no event.
WITH target AS (
    SELECT
        s.send_id,
        s.contact_point_id,
        o.unwanted_topics AS old_topics,
        o.max_messages AS old_messages,
        o.max_days AS old_days,
        o.language AS old_language,
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
    WHERE s.send_id = %(send_id)s AND s.purpose <> 'post' AND privacy.has_address(s.contact_point_id)
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
        WHERE p.changed_at <= excluded.changed_at
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
    WHERE
        (n.unwanted_topics, n.max_messages, n.max_days, n.language)
        IS DISTINCT FROM (t.old_topics, t.old_messages, t.old_days, t.old_language)
    ON CONFLICT DO NOTHING
)

SELECT count(*) FROM target;

-- name: preferences
-- What the preference page shows: the choices, and whether offers come by the message's channel. Of an address that was forgotten there
-- is nothing to be shown or chosen; the link to unsubscribe works for ever.
SELECT
    s.channel,
    coalesce(p.unwanted_topics, '{}') AS unwanted_topics,
    p.max_messages,
    p.max_days,
    p.language,
    coalesce(c.granted, FALSE) AND NOT privacy.is_suppressed(s.contact_point_id) AS is_subscribed
FROM activation.sends AS s
LEFT JOIN privacy.preferences AS p ON s.contact_point_id = p.contact_point_id
LEFT JOIN privacy.consents AS c
    ON s.contact_point_id = c.contact_point_id AND s.channel = c.channel AND c.purpose = 'marketing'
WHERE s.send_id = %(send_id)s AND s.purpose <> 'post' AND privacy.has_address(s.contact_point_id);

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
WHERE s.send_id = %(send_id)s AND s.channel = 'email' AND privacy.has_address(s.contact_point_id);
