-- step: describe
-- The newest delivery of a customer's record replaces what was known; an unchanged record changes nothing.
WITH newest AS (
    SELECT DISTINCT ON (r.customer_ref) r.*
    FROM raw.customers AS r
    WHERE r.load_id = any(%(load_ids)s::bigint[])
    ORDER BY r.customer_ref ASC, r.file_id DESC, r.record_no DESC
)

UPDATE core.customers AS c
SET
    given_name = n.given_name,
    family_name = n.family_name,
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
    updated_at = %(now)s
FROM newest AS n
INNER JOIN core.customer_identifiers AS i ON i.source = %(source)s AND n.customer_ref = i.external_id
WHERE
    c.customer_id = i.customer_id
    AND (
        c.given_name, c.family_name, c.locale, c.time_zone, c.country, c.age_band, c.income_band, c.home_ownership,
        c.marital_status, c.household_size, c.household_composition, c.kids_count, c.is_simulated
    ) IS DISTINCT FROM (
        n.given_name, n.family_name, n.locale, n.time_zone, n.country, n.age_band, n.income_band, n.home_ownership,
        n.marital_status, n.household_size, n.household_composition, n.kids_count, n.is_simulated
    );
