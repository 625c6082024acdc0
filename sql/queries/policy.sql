-- Statements of the room `policy`: who of an audience may be written to.

-- name: members_insert
-- Everybody of the audience with the outcome. A row of the ledger that was never released - its plan's run died, or the
-- plan was rejected - may be planned again; any other row means that this occasion is settled for that contact point.
-- The limit is for the occasion: those who are in the ledger already count, so that a repeated run adds nobody. Where events
-- bring the people (%(per_run)s), one occasion may be everybody who ever registered: the limit is for the run then.
INSERT INTO activation.plan_members (plan_id, customer_id, contact_point_id, occasion, outcome)
WITH reached AS (
    SELECT
        a.customer_id,
        -- until the marts are written anew they know a customer who turned out to be another one under both numbers
        coalesce(k.merged_into, a.customer_id) AS person_id,
        a.address_hash IS NOT NULL AS is_account,
        coalesce(a.occasion, %(occasion)s) AS occasion,
        coalesce(a.occasion_on, %(occasion_on)s::date) AS occasion_on,
        coalesce(a.contact_point_id, c.email_contact_point_id) AS contact_point_id
    FROM pg_temp.plan_audience AS a
    LEFT JOIN marts.customer_360 AS c ON a.customer_id = c.customer_id
    LEFT JOIN core.customers AS k ON a.customer_id = k.customer_id
),

settled AS (
    SELECT
        s.occasion,
        s.contact_point_id,
        -- the ledger keeps the customer it was planned for, who may have turned out to be another one since
        coalesce(c.merged_into, s.customer_id) AS customer_id
    FROM activation.sends AS s
    LEFT JOIN core.customers AS c ON s.customer_id = c.customer_id
    WHERE
        s.campaign = %(campaign)s AND s.channel = %(channel)s AND s.step = %(step)s
        AND s.occasion IN (SELECT r.occasion FROM reached AS r)
        AND s.state <> 'planned' AND NOT (s.state = 'cancelled' AND s.reason IS NOT DISTINCT FROM 'plan_rejected')
),

settled_people AS (
    SELECT DISTINCT
        s.customer_id,
        s.occasion
    FROM settled AS s
    WHERE s.customer_id IS NOT NULL
),

judged AS (
    SELECT
        r.customer_id,
        r.person_id,
        r.contact_point_id,
        r.occasion,
        r.occasion_on,
        CASE
            WHEN r.occasion_on < %(oldest_on)s::date THEN 'occasion_too_old'
            WHEN r.is_account AND r.contact_point_id IS NULL THEN 'planned'
            WHEN p.contact_point_id IS NULL THEN 'no_contact_point'
            -- the person too, not only the address: who has a new address since then got it at the old one
            WHEN
                d.contact_point_id IS NOT NULL
                OR e.customer_id IS NOT NULL
                THEN 'already_planned'
            WHEN
                r.person_id IS NOT NULL
                AND row_number() OVER (
                    PARTITION BY r.person_id
                    ORDER BY p.contact_point_id IS NULL, r.customer_id <> r.person_id, r.customer_id
                ) > 1
                THEN 'already_planned'
            WHEN u.address_hash IS NOT NULL AND NOT (%(purpose)s = 'transactional' AND u.reason = 'unsubscribed')
                THEN 'suppressed'
            WHEN %(purpose)s = 'marketing' AND g.granted IS NOT TRUE THEN 'no_consent'
            WHEN %(purpose)s = 'transactional' AND g.granted IS FALSE THEN 'no_consent'
            WHEN %(purpose)s = 'marketing' AND %(topic)s::text = any(f.unwanted_topics) THEN 'topic_unwanted'
            WHEN
                %(purpose)s = any(%(held_out)s::text[])
                AND activation.draw(%(holdout_salt)s, coalesce(r.person_id, -r.contact_point_id)) < %(holdout_share)s
                THEN 'holdout'
            ELSE 'planned'
        END AS outcome
    FROM reached AS r
    -- an address that is gone is none: its row is kept for the ledger
    LEFT JOIN core.contact_points AS p
        ON r.contact_point_id = p.contact_point_id AND p.channel = %(channel)s AND octet_length(p.address) > 0
    LEFT JOIN settled AS d ON r.contact_point_id = d.contact_point_id AND r.occasion = d.occasion
    LEFT JOIN settled_people AS e ON r.person_id = e.customer_id AND r.occasion = e.occasion
    LEFT JOIN privacy.suppressions AS u ON p.channel = u.channel AND p.address_hash = u.address_hash
    LEFT JOIN privacy.consents AS g
        ON r.contact_point_id = g.contact_point_id AND g.channel = %(channel)s AND g.purpose = %(purpose)s
    LEFT JOIN privacy.preferences AS f ON r.contact_point_id = f.contact_point_id
),

-- Frequency caps: what a person has got, is about to get, or was promised by campaigns that do not stand behind this one. A row that
-- was never released is this plan's own when it is of this campaign and occasion.
caps AS MATERIALIZED (
    SELECT
        k.messages,
        k.days,
        k.purposes,
        k.channels,
        row_number() OVER () AS cap
    FROM jsonb_to_recordset(%(caps)s::jsonb) AS k (messages integer, days integer, purposes text[], channels text[])
),

-- under which numbers the ledger may know a person
numbers AS (
    SELECT
        j.person_id,
        j.person_id AS customer_id
    FROM judged AS j
    WHERE j.outcome = 'planned' AND j.person_id IS NOT NULL AND EXISTS (SELECT 1 FROM caps)
    GROUP BY j.person_id
    UNION ALL
    SELECT
        k.merged_into AS person_id,
        k.customer_id
    FROM core.customers AS k
    WHERE
        k.merged_into IN (SELECT j.person_id FROM judged AS j)
        AND EXISTS (SELECT 1 FROM caps)
),

used AS (
    SELECT
        n.person_id,
        k.cap,
        k.messages - count(*) AS room
    FROM numbers AS n
    INNER JOIN activation.sends AS s ON n.customer_id = s.customer_id
    INNER JOIN caps AS k ON s.purpose = any(k.purposes) AND s.channel = any(k.channels)
    WHERE
        NOT s.is_test
        AND (
            (
                s.state IN ('sending', 'sent', 'unknown')
                AND s.sending_at > %(now)s::timestamptz - k.days * interval '24 hours'
            )
            OR (
                s.state IN ('planned', 'released', 'deferred', 'claimed')
                AND s.expires_at > %(now)s::timestamptz
                AND (s.priority <= %(priority)s::integer OR s.state = 'claimed')
                AND NOT (
                    s.state = 'planned' AND s.campaign = %(campaign)s::text AND s.step = %(step)s
                    AND s.occasion IN (SELECT r.occasion FROM reached AS r)
                )
            )
        )
    GROUP BY n.person_id, k.cap, k.messages
),

rooms AS (
    SELECT
        u.person_id,
        min(u.room) AS room
    FROM used AS u
    GROUP BY u.person_id
),

-- Who said how often, at most: few, of whom each is looked up. The same messages count as for a cap, of marketing to this address.
chosen AS (
    SELECT
        w.contact_point_id,
        w.occasion,
        f.max_messages - h.messages AS room,
        row_number() OVER (PARTITION BY w.contact_point_id ORDER BY w.occasion_on, w.occasion) AS place
    FROM (
        SELECT DISTINCT
            j.contact_point_id,
            j.occasion,
            j.occasion_on
        FROM judged AS j
        INNER JOIN privacy.preferences AS p ON j.contact_point_id = p.contact_point_id AND p.max_messages IS NOT NULL
        WHERE j.outcome = 'planned' AND %(purpose)s::text = 'marketing'
    ) AS w
    INNER JOIN privacy.preferences AS f ON w.contact_point_id = f.contact_point_id
    CROSS JOIN
        LATERAL (
            SELECT count(*) AS messages
            FROM activation.sends AS s
            WHERE
                s.contact_point_id = w.contact_point_id
                AND s.purpose = 'marketing'
                AND NOT s.is_test
                AND (
                    (
                        s.state IN ('sending', 'sent', 'unknown')
                        AND s.sending_at > %(now)s::timestamptz - f.max_days * interval '24 hours'
                    )
                    OR (
                        s.state IN ('planned', 'released', 'deferred', 'claimed')
                        AND s.expires_at > %(now)s::timestamptz
                        AND (s.priority <= %(priority)s::integer OR s.state = 'claimed')
                        AND NOT (
                            s.state = 'planned' AND s.campaign = %(campaign)s::text
                            AND s.occasion IN (SELECT r.occasion FROM reached AS r)
                        )
                    )
                )
        ) AS h
),

capped AS (
    SELECT
        j.customer_id,
        j.contact_point_id,
        j.occasion,
        CASE
            WHEN
                j.outcome = 'planned' AND j.person_id IS NOT NULL
                AND row_number() OVER (
                    PARTITION BY j.person_id, j.outcome
                    ORDER BY j.occasion_on, j.occasion, j.contact_point_id
                ) > least(m.room, (SELECT min(k.messages) FROM caps AS k))
                THEN 'frequency_cap'
            WHEN j.outcome = 'planned' AND d.place > d.room THEN 'frequency_choice'
            ELSE j.outcome
        END AS outcome
    FROM judged AS j
    LEFT JOIN rooms AS m ON j.person_id = m.person_id
    LEFT JOIN chosen AS d ON j.contact_point_id = d.contact_point_id AND j.occasion = d.occasion
),

-- Of several who have one address the first who may be written to: the others' holdout or caps are not hers. An account of the
-- shop's own may have no contact point yet, in a dry run.
one_each AS (
    SELECT
        c.customer_id,
        c.contact_point_id,
        c.occasion,
        CASE
            WHEN
                c.outcome = 'planned' AND c.contact_point_id IS NOT NULL
                AND row_number() OVER (
                    PARTITION BY c.contact_point_id
                    ORDER BY c.outcome <> 'planned', c.customer_id
                ) > 1
                THEN 'shared_contact_point'
            ELSE c.outcome
        END AS outcome
    FROM capped AS c
)

SELECT
    %(plan_id)s,
    j.customer_id,
    j.contact_point_id,
    j.occasion,
    CASE
        WHEN j.outcome <> 'planned' OR %(audience_limit)s::bigint IS NULL THEN j.outcome
        -- a fair choice, and the same one each time
        WHEN
            row_number() OVER (PARTITION BY j.outcome ORDER BY md5(%(campaign)s::text || j.customer_id), j.contact_point_id)
            + CASE WHEN %(per_run)s THEN 0 ELSE (SELECT count(*) FROM settled) END > %(audience_limit)s::bigint
            THEN 'audience_limit'
        ELSE 'planned'
    END AS outcome
FROM one_each AS j;

-- name: zones_asleep
-- Time zones of customers ('' is the shop's own) in which the quiet hours end when the plan's messages have expired.
SELECT z.time_zone
FROM (
    SELECT coalesce(u.time_zone, '') AS time_zone FROM core.customers AS u
    UNION
    SELECT '' AS time_zone
) AS z
CROSS JOIN unnest(%(quiet_from)s::time[], %(quiet_to)s::time[]) AS q (quiet_from, quiet_to)
GROUP BY z.time_zone
HAVING
    max(
        activation.quiet_until(
            %(now)s::timestamptz,
            activation.known_zone(z.time_zone, activation.known_zone(%(time_zone)s::text, 'UTC')),
            q.quiet_from, q.quiet_to
        )
    ) >= %(expires_at)s::timestamptz
ORDER BY z.time_zone;

-- name: members_asleep
UPDATE activation.plan_members AS m
SET outcome = 'quiet_too_long'
WHERE
    m.plan_id = %(plan_id)s AND m.outcome = 'planned'
    AND (
        m.customer_id IN (
            SELECT u.customer_id FROM core.customers AS u
            WHERE coalesce(u.time_zone, '') = any(%(zones)s::text[])
        )
        OR (m.customer_id IS NULL AND '' = any(%(zones)s::text[]))
    );

-- name: members_count
SELECT
    m.outcome,
    count(*) AS members
FROM activation.plan_members AS m
WHERE m.plan_id = %(plan_id)s
GROUP BY m.outcome
ORDER BY m.outcome;
