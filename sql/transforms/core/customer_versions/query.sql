-- step: history
-- A version holds from the time that the source gave it until the next one that says something else; a record that comes
-- again unchanged only confirms it. What core has and what these loads bring are put in the order of time together, so a
-- record that comes late finds its place.
-- Each feed has a history of its own, but a deletion is the customer's: what is older, of whatever feed, ends with it and
-- keeps nothing personal.
WITH moments AS (
    SELECT DISTINCT ON (m.source, m.external_id, m.feed, m.seen_at) m.*
    FROM (
        SELECT
            i.source,
            i.external_id,
            i.feed,
            i.version_at AS seen_at,
            TRUE AS is_incoming,
            i.given_name,
            i.family_name,
            i.birth_date,
            i.given_name_hash,
            i.family_name_hash,
            i.birth_date_hash,
            i.email_hash,
            i.email_refusal,
            i.phone_hash,
            i.phone_refusal,
            i.gender,
            i.locale,
            i.time_zone,
            i.country,
            i.age_band,
            i.income_band,
            i.home_ownership,
            i.marital_status,
            i.household_size,
            i.household_composition,
            i.kids_count,
            i.is_simulated,
            i.is_partial,
            i.is_deleted,
            i.file_id,
            i.record_no,
            i.fingerprint
        FROM incoming_customers AS i
        UNION ALL
        SELECT
            v.source,
            v.external_id,
            v.feed,
            s.seen_at,
            FALSE AS is_incoming,
            v.given_name,
            v.family_name,
            v.birth_date,
            v.given_name_hash,
            v.family_name_hash,
            v.birth_date_hash,
            v.email_hash,
            v.email_refusal,
            v.phone_hash,
            v.phone_refusal,
            v.gender,
            v.locale,
            v.time_zone,
            v.country,
            v.age_band,
            v.income_band,
            v.home_ownership,
            v.marital_status,
            v.household_size,
            v.household_composition,
            v.kids_count,
            v.is_simulated,
            v.is_partial,
            v.is_deleted,
            v.file_id,
            v.record_no,
            v.fingerprint
        FROM core.customer_versions AS v
        CROSS JOIN
            LATERAL (VALUES (v.valid_from), (v.confirmed_at)) AS s (seen_at)
        WHERE (v.source, v.external_id) IN (SELECT
            i.source,
            i.external_id
        FROM incoming_customers AS i)
    ) AS m
    ORDER BY
        m.source ASC, m.external_id ASC, m.feed ASC, m.seen_at ASC, m.file_id DESC, m.record_no DESC, m.is_incoming DESC
),

dated AS (
    SELECT
        m.*,
        max(m.seen_at) FILTER (WHERE m.is_deleted) OVER (PARTITION BY m.source, m.external_id) AS deleted_at
    FROM moments AS m
),

-- A deletion ends what all feeds said until then.
ended AS (
    SELECT
        d.*,
        NOT d.is_deleted AND coalesce(d.deleted_at >= d.seen_at, FALSE) AS is_ended
    FROM dated AS d
),

compared AS (
    SELECT
        e.source,
        e.external_id,
        e.feed,
        e.seen_at,
        e.deleted_at,
        e.is_ended,
        CASE WHEN NOT e.is_ended THEN e.given_name END AS given_name,
        CASE WHEN NOT e.is_ended THEN e.family_name END AS family_name,
        CASE WHEN NOT e.is_ended THEN e.birth_date END AS birth_date,
        CASE WHEN NOT e.is_ended THEN e.given_name_hash END AS given_name_hash,
        CASE WHEN NOT e.is_ended THEN e.family_name_hash END AS family_name_hash,
        CASE WHEN NOT e.is_ended THEN e.birth_date_hash END AS birth_date_hash,
        CASE WHEN NOT e.is_ended THEN e.email_hash END AS email_hash,
        CASE WHEN NOT e.is_ended THEN e.email_refusal END AS email_refusal,
        CASE WHEN NOT e.is_ended THEN e.phone_hash END AS phone_hash,
        CASE WHEN NOT e.is_ended THEN e.phone_refusal END AS phone_refusal,
        e.gender,
        e.locale,
        e.time_zone,
        e.country,
        e.age_band,
        e.income_band,
        e.home_ownership,
        e.marital_status,
        e.household_size,
        e.household_composition,
        e.kids_count,
        e.is_simulated,
        e.is_partial,
        e.is_deleted,
        e.file_id,
        e.record_no,
        e.fingerprint,
        coalesce(
            lag(e.fingerprint) OVER w <> e.fingerprint OR lag(e.is_ended) OVER w <> e.is_ended, TRUE
        ) AS is_new
    FROM ended AS e
    WINDOW w AS (PARTITION BY e.source, e.external_id, e.feed ORDER BY e.seen_at)
),

numbered AS (
    SELECT
        c.*,
        count(*) FILTER (WHERE c.is_new) OVER (PARTITION BY c.source, c.external_id, c.feed ORDER BY c.seen_at) AS version_no
    FROM compared AS c
),

confirmed AS (
    SELECT
        n.*,
        max(n.seen_at) OVER (PARTITION BY n.source, n.external_id, n.feed, n.version_no) AS confirmed_at
    FROM numbered AS n
),

history AS MATERIALIZED (
    SELECT
        c.*,
        least(
            lead(c.seen_at) OVER (PARTITION BY c.source, c.external_id, c.feed ORDER BY c.seen_at),
            CASE WHEN c.is_ended THEN c.deleted_at END
        ) AS valid_to
    FROM confirmed AS c
    WHERE c.is_new
),

-- A version that is taken apart or that begins earlier than was known.
forgotten AS (
    DELETE FROM core.customer_versions AS v
    WHERE
        (v.source, v.external_id) IN (SELECT
            i.source,
            i.external_id
        FROM incoming_customers AS i)
        AND NOT EXISTS (
            SELECT FROM history AS h
            WHERE
                h.source = v.source AND h.external_id = v.external_id AND h.feed = v.feed AND h.seen_at = v.valid_from
        )
)

INSERT INTO core.customer_versions AS v (
    source, external_id, feed, valid_from, valid_to, confirmed_at, given_name, family_name, birth_date,
    given_name_hash, family_name_hash, birth_date_hash, email_hash, email_refusal, phone_hash, phone_refusal, gender,
    locale, time_zone, country, age_band, income_band, home_ownership, marital_status, household_size,
    household_composition, kids_count, is_simulated, is_partial, is_deleted, file_id, record_no, fingerprint
)
SELECT
    h.source,
    h.external_id,
    h.feed,
    h.seen_at,
    h.valid_to,
    h.confirmed_at,
    h.given_name,
    h.family_name,
    h.birth_date,
    h.given_name_hash,
    h.family_name_hash,
    h.birth_date_hash,
    h.email_hash,
    h.email_refusal,
    h.phone_hash,
    h.phone_refusal,
    h.gender,
    h.locale,
    h.time_zone,
    h.country,
    h.age_band,
    h.income_band,
    h.home_ownership,
    h.marital_status,
    h.household_size,
    h.household_composition,
    h.kids_count,
    h.is_simulated,
    h.is_partial,
    h.is_deleted,
    h.file_id,
    h.record_no,
    h.fingerprint
FROM history AS h
ORDER BY h.source, h.external_id, h.feed, h.seen_at
ON CONFLICT (source, external_id, feed, valid_from) DO UPDATE
    SET
        valid_to = excluded.valid_to,
        confirmed_at = excluded.confirmed_at,
        given_name = excluded.given_name,
        family_name = excluded.family_name,
        birth_date = excluded.birth_date,
        given_name_hash = excluded.given_name_hash,
        family_name_hash = excluded.family_name_hash,
        birth_date_hash = excluded.birth_date_hash,
        email_hash = excluded.email_hash,
        email_refusal = excluded.email_refusal,
        phone_hash = excluded.phone_hash,
        phone_refusal = excluded.phone_refusal,
        gender = excluded.gender,
        locale = excluded.locale,
        time_zone = excluded.time_zone,
        country = excluded.country,
        age_band = excluded.age_band,
        income_band = excluded.income_band,
        home_ownership = excluded.home_ownership,
        marital_status = excluded.marital_status,
        household_size = excluded.household_size,
        household_composition = excluded.household_composition,
        kids_count = excluded.kids_count,
        is_simulated = excluded.is_simulated,
        is_partial = excluded.is_partial,
        is_deleted = excluded.is_deleted,
        file_id = excluded.file_id,
        record_no = excluded.record_no,
        fingerprint = excluded.fingerprint
    WHERE
    (
        v.valid_to, v.confirmed_at, v.given_name, v.family_name, v.birth_date, v.given_name_hash, v.family_name_hash,
        v.birth_date_hash, v.email_hash, v.email_refusal, v.phone_hash, v.phone_refusal, v.gender, v.locale,
        v.time_zone, v.country, v.age_band, v.income_band, v.home_ownership, v.marital_status, v.household_size,
        v.household_composition, v.kids_count, v.is_simulated, v.is_partial, v.is_deleted, v.file_id, v.record_no,
        v.fingerprint
    )
    IS DISTINCT FROM (
        excluded.valid_to, excluded.confirmed_at, excluded.given_name, excluded.family_name, excluded.birth_date,
        excluded.given_name_hash, excluded.family_name_hash, excluded.birth_date_hash, excluded.email_hash,
        excluded.email_refusal, excluded.phone_hash, excluded.phone_refusal, excluded.gender, excluded.locale,
        excluded.time_zone, excluded.country, excluded.age_band, excluded.income_band, excluded.home_ownership,
        excluded.marital_status, excluded.household_size, excluded.household_composition, excluded.kids_count,
        excluded.is_simulated, excluded.is_partial, excluded.is_deleted, excluded.file_id, excluded.record_no,
        excluded.fingerprint
    );
