-- step: merge
-- The newest version wins, whatever the order of delivery.
INSERT INTO core.coupons AS c (
    source, external_id, campaign_ref, product_ref, description, discount_amount, discount_percent, currency,
    valid_from, valid_until, version_at, file_id, is_deleted
)
SELECT
    n.system,
    n.coupon_ref,
    n.campaign_ref,
    n.product_ref,
    n.description,
    n.discount_amount,
    n.discount_percent,
    n.currency,
    n.valid_from,
    n.valid_until,
    n.version_at,
    n.file_id,
    n.is_deleted
FROM (
    SELECT DISTINCT ON (l.system, r.coupon_ref)
        l.system,
        r.*
    FROM raw.coupons AS r
    INNER JOIN merging_loads AS l ON r.load_id = l.load_id
    ORDER BY l.system ASC, r.coupon_ref ASC, r.version_at DESC, r.file_id DESC, r.record_no DESC
) AS n
ORDER BY n.system, n.coupon_ref
ON CONFLICT (source, external_id) DO UPDATE
    SET
        campaign_ref = excluded.campaign_ref,
        product_ref = excluded.product_ref,
        description = excluded.description,
        discount_amount = excluded.discount_amount,
        discount_percent = excluded.discount_percent,
        currency = excluded.currency,
        valid_from = excluded.valid_from,
        valid_until = excluded.valid_until,
        version_at = excluded.version_at,
        file_id = excluded.file_id,
        is_deleted = excluded.is_deleted
    WHERE
    (c.version_at, c.file_id) <= (excluded.version_at, excluded.file_id)
    AND (
        c.campaign_ref, c.product_ref, c.description, c.discount_amount, c.discount_percent, c.currency, c.valid_from,
        c.valid_until, c.version_at, c.file_id, c.is_deleted
    ) IS DISTINCT FROM (
        excluded.campaign_ref, excluded.product_ref, excluded.description, excluded.discount_amount,
        excluded.discount_percent, excluded.currency, excluded.valid_from, excluded.valid_until, excluded.version_at,
        excluded.file_id, excluded.is_deleted
    );
