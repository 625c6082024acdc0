-- step: describe
-- What the newest record of each number in each feed says now, put together: of several records the one that changed last
-- counts, and where it says nothing the next. Most customers have one record, and nothing to be put together.
WITH touched_numbers AS (
    SELECT
        i.source,
        i.external_id
    FROM incoming_customers AS i
    UNION
    SELECT
        i.source,
        i.external_id
    FROM core.customer_identifiers AS i
    INNER JOIN same_customers AS s ON i.customer_id = s.kept_customer_id
),

described_customers AS (
    SELECT DISTINCT i.customer_id
    FROM core.customer_identifiers AS i
    INNER JOIN touched_numbers AS t ON i.source = t.source AND i.external_id = t.external_id
),

records AS MATERIALIZED (
    SELECT
        i.customer_id,
        v.*,
        row_number() OVER w AS place,
        count(*) OVER (PARTITION BY i.customer_id) AS number_of_records
    FROM described_customers AS d
    INNER JOIN core.customer_identifiers AS i ON d.customer_id = i.customer_id
    INNER JOIN core.customer_versions AS v ON i.source = v.source AND i.external_id = v.external_id AND v.valid_to IS NULL
    WINDOW
        w AS (
            PARTITION BY i.customer_id
            ORDER BY
                v.is_deleted ASC, v.valid_from DESC, v.file_id DESC, v.record_no DESC, v.source ASC, v.external_id ASC,
                v.feed ASC
        )
),

described AS (
    SELECT
        c.customer_id,
        c.given_name,
        c.family_name,
        c.birth_date,
        c.gender,
        c.locale,
        c.time_zone,
        c.country,
        c.age_band,
        c.income_band,
        c.home_ownership,
        c.marital_status,
        c.household_size,
        c.household_composition,
        c.kids_count,
        c.is_simulated,
        c.is_deleted
    FROM records AS c
    WHERE c.number_of_records = 1
    UNION ALL
    SELECT
        c.customer_id,
        (array_agg(c.given_name ORDER BY c.place) FILTER (WHERE c.given_name IS NOT NULL))[1] AS given_name,
        (array_agg(c.family_name ORDER BY c.place) FILTER (WHERE c.family_name IS NOT NULL))[1] AS family_name,
        (array_agg(c.birth_date ORDER BY c.place) FILTER (WHERE c.birth_date IS NOT NULL))[1] AS birth_date,
        (array_agg(c.gender ORDER BY c.place) FILTER (WHERE c.gender IS NOT NULL))[1] AS gender,
        (array_agg(c.locale ORDER BY c.place) FILTER (WHERE c.locale IS NOT NULL))[1] AS locale,
        (array_agg(c.time_zone ORDER BY c.place) FILTER (WHERE c.time_zone IS NOT NULL))[1] AS time_zone,
        (array_agg(c.country ORDER BY c.place) FILTER (WHERE c.country IS NOT NULL))[1] AS country,
        (array_agg(c.age_band ORDER BY c.place) FILTER (WHERE c.age_band IS NOT NULL))[1] AS age_band,
        (array_agg(c.income_band ORDER BY c.place) FILTER (WHERE c.income_band IS NOT NULL))[1] AS income_band,
        (array_agg(c.home_ownership ORDER BY c.place) FILTER (WHERE c.home_ownership IS NOT NULL))[1] AS home_ownership,
        (array_agg(c.marital_status ORDER BY c.place) FILTER (WHERE c.marital_status IS NOT NULL))[1] AS marital_status,
        (array_agg(c.household_size ORDER BY c.place) FILTER (WHERE c.household_size IS NOT NULL))[1] AS household_size,
        (array_agg(c.household_composition ORDER BY c.place) FILTER (WHERE c.household_composition IS NOT NULL))[1] AS household_composition,
        (array_agg(c.kids_count ORDER BY c.place) FILTER (WHERE c.kids_count IS NOT NULL))[1] AS kids_count,
        coalesce(bool_or(c.is_simulated) FILTER (WHERE NOT c.is_deleted), bool_or(c.is_simulated)) AS is_simulated,
        bool_and(c.is_deleted) AS is_deleted
    FROM records AS c
    WHERE c.number_of_records > 1
    GROUP BY c.customer_id
),

complete AS (
    SELECT
        d.customer_id,
        d.given_name,
        d.family_name,
        d.birth_date,
        d.gender,
        coalesce(d.locale, %(locale)s) AS locale,
        coalesce(d.time_zone, %(time_zone)s) AS time_zone,
        coalesce(d.country, %(country)s) AS country,
        d.age_band,
        d.income_band,
        d.home_ownership,
        d.marital_status,
        d.household_size,
        d.household_composition,
        d.kids_count,
        d.is_simulated,
        d.is_deleted
    FROM described AS d
)

UPDATE core.customers AS c
SET
    given_name = n.given_name,
    family_name = n.family_name,
    birth_date = n.birth_date,
    gender = n.gender,
    locale = n.locale,
    time_zone = n.time_zone,
    country = n.country,
    age_band = n.age_band,
    income_band = n.income_band,
    home_ownership = n.home_ownership,
    marital_status = n.marital_status,
    household_size = n.household_size,
    household_composition = n.household_composition,
    kids_count = n.kids_count,
    is_simulated = n.is_simulated,
    is_deleted = n.is_deleted,
    updated_at = %(now)s
FROM complete AS n
WHERE
    c.customer_id = n.customer_id
    AND (
        c.given_name, c.family_name, c.birth_date, c.gender, c.locale, c.time_zone, c.country, c.age_band,
        c.income_band, c.home_ownership, c.marital_status, c.household_size, c.household_composition, c.kids_count,
        c.is_simulated, c.is_deleted
    ) IS DISTINCT FROM (
        n.given_name, n.family_name, n.birth_date, n.gender, n.locale, n.time_zone, n.country, n.age_band,
        n.income_band, n.home_ownership, n.marital_status, n.household_size, n.household_composition, n.kids_count,
        n.is_simulated, n.is_deleted
    );
