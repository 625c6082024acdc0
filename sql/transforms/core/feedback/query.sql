-- step: merge
-- The newest version wins, whatever the order of delivery. Of a deleted one the words go, and of a deleted customer, also
-- when the version does not name her and an earlier one did.
INSERT INTO core.feedback AS f (
    source, external_id, customer_id, order_ref, product_ref, campaign_ref, rating, rating_max, body, channel,
    given_at, given_on, version_at, file_id, is_deleted
)
SELECT
    n.system,
    n.feedback_ref,
    coalesce(i.customer_id, u.customer_id) AS customer_id,
    n.order_ref,
    n.product_ref,
    n.campaign_ref,
    n.rating,
    n.rating_max,
    CASE WHEN NOT n.is_deleted AND coalesce(n.version_at > d.deleted_at, TRUE) AND u.customer_id IS NULL THEN n.body END AS body,
    n.channel,
    n.given_at,
    (n.given_at AT TIME ZONE %(time_zone)s)::date AS given_on,
    n.version_at,
    n.file_id,
    n.is_deleted
FROM (
    SELECT DISTINCT ON (l.system, r.feedback_ref)
        l.system,
        r.*
    FROM raw.feedback AS r
    INNER JOIN merging_loads AS l ON r.load_id = l.load_id
    ORDER BY l.system ASC, r.feedback_ref ASC, r.version_at DESC, r.file_id DESC, r.record_no DESC
) AS n
LEFT JOIN core.customer_identifiers AS i ON n.system = i.source AND n.customer_ref = i.external_id
LEFT JOIN deleted_customers AS d ON n.system = d.source AND n.customer_ref = d.external_id
LEFT JOIN core.feedback AS k ON n.system = k.source AND n.feedback_ref = k.external_id AND n.customer_ref IS NULL
LEFT JOIN
    LATERAL (
        SELECT DISTINCT o.customer_id
        FROM core.customer_identifiers AS o
        INNER JOIN core.customer_versions AS v ON o.source = v.source AND o.external_id = v.external_id
        WHERE o.customer_id = k.customer_id AND o.source = n.system AND v.is_deleted AND v.confirmed_at >= n.version_at
    ) AS u
    ON TRUE
WHERE
    (%(day_from)s::date IS NULL OR (n.given_at AT TIME ZONE %(time_zone)s)::date >= %(day_from)s::date)
    AND (%(day_to)s::date IS NULL OR (n.given_at AT TIME ZONE %(time_zone)s)::date <= %(day_to)s::date)
ORDER BY n.given_at, n.system, n.feedback_ref
ON CONFLICT (source, external_id) DO UPDATE
    SET
        customer_id = excluded.customer_id,
        order_ref = excluded.order_ref,
        product_ref = excluded.product_ref,
        campaign_ref = excluded.campaign_ref,
        rating = excluded.rating,
        rating_max = excluded.rating_max,
        body = excluded.body,
        channel = excluded.channel,
        given_at = excluded.given_at,
        given_on = excluded.given_on,
        version_at = excluded.version_at,
        file_id = excluded.file_id,
        is_deleted = excluded.is_deleted
    WHERE
    (f.version_at, f.file_id) <= (excluded.version_at, excluded.file_id)
    AND (
        f.customer_id, f.order_ref, f.product_ref, f.campaign_ref, f.rating, f.rating_max, f.body, f.channel,
        f.given_at, f.given_on, f.version_at, f.file_id, f.is_deleted
    ) IS DISTINCT FROM (
        excluded.customer_id, excluded.order_ref, excluded.product_ref, excluded.campaign_ref, excluded.rating,
        excluded.rating_max, excluded.body, excluded.channel, excluded.given_at, excluded.given_on,
        excluded.version_at, excluded.file_id, excluded.is_deleted
    );

-- step: of_deleted_customers
-- What was said before the deletion goes with the customer; a customer has one number in a system.
UPDATE core.feedback AS f
SET body = NULL
FROM deleted_customers AS d
INNER JOIN core.customer_identifiers AS i ON d.source = i.source AND d.external_id = i.external_id
WHERE
    f.customer_id = i.customer_id AND f.source = d.source AND f.version_at <= d.deleted_at
    AND f.body IS NOT NULL;
