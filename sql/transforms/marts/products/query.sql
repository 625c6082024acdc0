-- step: merge
-- Names are the catalogue's, or where it has none made of the finest grouping that it has. Texts in capitals are shortened by many systems to a fixed
-- width with words cut, abbreviated and bracketed; those are put right as far as a list of words goes. Texts in mixed case
-- are somebody's own wording and stay as they are.
MERGE INTO marts.products AS m
USING (
    WITH dictionary (word, meaning) AS (
        VALUES
        ('BBQ', 'BARBECUE'), ('BEERALEMALT', 'BEER, ALE & MALT'), ('BRD', 'BREADED'), ('BRKFST', 'BREAKFAST'),
        ('BTL', 'BOTTLE'), ('CARB', 'CARBONATED'), ('CATFD', 'CAT FOOD'), ('CHIX', 'CHICKEN'),
        ('CHOCOCLATE', 'CHOCOLATE'), ('CKTLS', 'COCKTAILS'), ('CLEANG', 'CLEANING'), ('CND', 'CANNED'),
        ('CNDLES', 'CANDLES'), ('CONC', 'CONCENTRATE'), ('CRBNTD', 'CARBONATED'), ('CRMD', 'CREAMED'),
        ('CTLRYTBLCLTHSTTHPKSST', 'CUTLERY, TABLECLOTHS & TOOTHPICKS'), ('DNR', 'DINNER'), ('DNRS', 'DINNERS'),
        ('DOGFD', 'DOG FOOD'), ('DPS', 'DIPS'), ('DRNK', 'DRINK'), ('DRNKS', 'DRINKS'), ('DRNKING', 'DRINKING'),
        ('DRNKNG', 'DRINKING'), ('DRSNG', 'DRESSING'), ('FD', 'FOOD'), ('FEM', 'FEMININE'), ('FLVR', 'FLAVOR'),
        ('FLVRD', 'FLAVORED'), ('FRD', 'FRIED'), ('FRZ', 'FROZEN'), ('FRZN', 'FROZEN'), ('GDS', 'GOODS'),
        ('GRND', 'GROUND'), ('HYGN', 'HYGIENE'), ('IWS', 'INDIVIDUALLY WRAPPED'), ('JCE', 'JUICE'),
        ('MACH', 'MACHINE'), ('MISC', 'MISCELLANEOUS'), ('MLK', 'MILK'), ('MLT', 'MULTI'), ('MNRL', 'MINERAL'),
        ('MNERAL', 'MINERAL'), ('MX', 'MIX'), ('MXS', 'MIXES'), ('NDAIRY', 'NON-DAIRY'), ('PK', 'PACK'),
        ('PKG', 'PACKAGE'), ('PLSTC', 'PLASTIC'), ('PNCH', 'PUNCH'), ('PNT', 'PEANUT'), ('PORTON', 'PORTION'),
        ('PREP', 'PREPARED'), ('PRPCK', 'PREPACKED'), ('PWDR', 'POWDER'), ('PWDRS', 'POWDERS'),
        ('REFRGRATD', 'REFRIGERATED'), ('REFRIG', 'REFRIGERATED'), ('RTS', 'READY-TO-SERVE'), ('SAL', 'SALADS'),
        ('SALD', 'SALAD'), ('SAUCESSALSAPICANTEE', 'SAUCES, SALSA & PICANTE'), ('SAUS', 'SAUSAGE'),
        ('SFT', 'SOFT'), ('SGL', 'SINGLE'), ('SNDWCH', 'SANDWICH'), ('SNGL', 'SINGLE'), ('SPECILATY', 'SPECIALTY'),
        ('SPRD', 'SPREAD'), ('SRV', 'SERVE'), ('SS', 'SINGLE-SERVE'), ('STK', 'STICK'), ('SUPPPLIES', 'SUPPLIES'),
        ('SV', 'SERVE'), ('SW', 'SWEET'), ('SYRP', 'SYRUP'), ('TISS', 'TISSUE'), ('TORT', 'TORTILLA'),
        ('TRSH', 'TRASH'), ('VAC', 'VACUUM'), ('VEG', 'VEGETABLE'), ('VEND', 'VENDING'), ('WT', 'WEIGHT'),
        ('WTR', 'WATER')
    ),

    -- A type such as PREMIUM says nothing without its category; so do the cuts of meat.
    labels AS (
        SELECT
            p.product_id,
            CASE
                WHEN p.product_type IS NULL THEN p.category
                WHEN
                    p.category IS NOT NULL
                    AND strpos(p.product_type, split_part(p.category, ' ', 1)) = 0
                    AND (
                        p.department LIKE 'MEAT%%'
                        OR p.product_type ~ '^(PREMIUM|MAINSTREAM|TRADITIONAL|VALUE|ECONOMY|FRESH|BLENDS|ENTREES)( -.*| PINTS)?$'
                        OR p.product_type IN ('REGULAR GARDEN', 'GARDEN PLUS', 'MISCELLANEOUS')
                    )
                    THEN split_part(p.category, ' - ', 1) || ', ' || p.product_type
                ELSE p.product_type
            END AS label,
            coalesce(length(p.product_type) = 30 AND strpos(p.product_type, '(') = 0, FALSE) AS is_cut
        FROM core.products AS p
    ),

    distinct_labels AS (
        SELECT DISTINCT
            l.label,
            l.is_cut,
            l.label = upper(l.label) AS is_shouted,
            regexp_replace(
                CASE WHEN l.is_cut THEN regexp_replace(l.label, '[ /&-][^ /&-]*$', '') ELSE l.label END,
                '( *\(.*| +- *[A-Z]| NOT MULTI-PACKS| ALL| ET| BA)$', ''
            ) AS trimmed
        FROM labels AS l
        WHERE l.label IS NOT NULL
    ),

    words AS (
        SELECT
            d.label,
            d.is_cut,
            string_agg(coalesce(y.meaning, t.token[1]), '' ORDER BY t.place) AS spelled
        FROM distinct_labels AS d
        CROSS JOIN regexp_matches(d.trimmed, '([A-Z0-9]+|[^A-Z0-9]+)', 'g') WITH ORDINALITY AS t (token, place)
        LEFT JOIN dictionary AS y ON t.token[1] = y.word
        WHERE d.is_shouted
        GROUP BY d.label, d.is_cut
    ),

    names AS (
        SELECT
            w.label,
            w.is_cut,
            initcap(
                btrim(
                    regexp_replace(
                        regexp_replace(regexp_replace(w.spelled, ':(?! )', ': ', 'g'), ' *& *', ' & ', 'g'), ' +', ' ', 'g'
                    ),
                    ' /&-:,.'
                )
            ) AS product_name
        FROM words AS w
    ),

    -- By include/recommendations.yaml, which says why; capitals or not is all the same, but in the numbers of products.
    excluded AS (
        SELECT p.product_id
        FROM core.products AS p
        INNER JOIN unnest(%(excluded_departments)s::text[]) AS e (word) ON lower(p.department) = lower(e.word)
        UNION
        SELECT p.product_id
        FROM core.products AS p
        INNER JOIN unnest(%(excluded_categories)s::text[]) AS e (word) ON lower(p.category) = lower(e.word)
        UNION
        SELECT p.product_id
        FROM core.products AS p
        INNER JOIN unnest(%(excluded_product_types)s::text[]) AS e (word) ON lower(p.product_type) = lower(e.word)
        UNION
        SELECT p.product_id
        FROM core.products AS p
        INNER JOIN unnest(%(excluded_brands)s::text[]) AS e (word) ON lower(p.brand) = lower(e.word)
        UNION
        SELECT p.product_id
        FROM core.products AS p
        INNER JOIN unnest(%(excluded_products)s::text[]) AS e (word) ON p.external_id = e.word
    ),

    described AS (
        SELECT
            p.product_id,
            p.external_id AS product_ref,
            coalesce(
                CASE WHEN p.product_name = upper(p.product_name) THEN initcap(p.product_name) ELSE p.product_name END,
                nullif(n.product_name, ''), l.label, 'Product ' || p.external_id
            ) AS product_name,
            p.brand,
            p.department,
            p.category,
            p.package_size,
            p.in_catalogue
            AND coalesce(p.product_name, l.label) IS NOT NULL
            AND coalesce(p.availability NOT IN ('out_of_stock', 'discontinued'), TRUE)
            AND x.product_id IS NULL AS is_recommendable
        FROM core.products AS p
        INNER JOIN labels AS l ON p.product_id = l.product_id
        LEFT JOIN names AS n ON l.label = n.label AND l.is_cut = n.is_cut
        LEFT JOIN excluded AS x ON p.product_id = x.product_id
    )

    SELECT f.* FROM described AS f
) AS d ON m.product_id = d.product_id
WHEN MATCHED
AND (
    m.product_ref, m.product_name, m.brand, m.department, m.category, m.package_size, m.is_recommendable
) IS DISTINCT FROM (
    d.product_ref, d.product_name, d.brand, d.department, d.category, d.package_size, d.is_recommendable
)
THEN
    UPDATE
        SET
            product_ref = d.product_ref,
            product_name = d.product_name,
            brand = d.brand,
            department = d.department,
            category = d.category,
            package_size = d.package_size,
            is_recommendable = d.is_recommendable
WHEN NOT MATCHED
THEN INSERT
    (product_id, product_ref, product_name, brand, department, category, package_size, is_recommendable)
VALUES
(
    d.product_id, d.product_ref, d.product_name, d.brand, d.department, d.category, d.package_size,
    d.is_recommendable
);
