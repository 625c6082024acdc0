-- step: merge
-- The newest version wins, whatever the order of delivery.
INSERT INTO core.campaigns AS c (
    source, external_id, campaign_name, theme, channel, place, content, starts_on, ends_on, budget, currency,
    version_at, file_id, is_deleted
)
SELECT
    n.system,
    n.campaign_ref,
    n.campaign_name,
    n.theme,
    n.channel,
    n.place,
    n.content,
    n.starts_on,
    n.ends_on,
    n.budget,
    n.currency,
    n.version_at,
    n.file_id,
    n.is_deleted
FROM (
    SELECT DISTINCT ON (l.system, r.campaign_ref)
        l.system,
        r.*
    FROM raw.campaigns AS r
    INNER JOIN merging_loads AS l ON r.load_id = l.load_id
    ORDER BY l.system ASC, r.campaign_ref ASC, r.version_at DESC, r.file_id DESC, r.record_no DESC
) AS n
ORDER BY n.system, n.campaign_ref
ON CONFLICT (source, external_id) DO UPDATE
    SET
        campaign_name = excluded.campaign_name,
        theme = excluded.theme,
        channel = excluded.channel,
        place = excluded.place,
        content = excluded.content,
        starts_on = excluded.starts_on,
        ends_on = excluded.ends_on,
        budget = excluded.budget,
        currency = excluded.currency,
        version_at = excluded.version_at,
        file_id = excluded.file_id,
        is_deleted = excluded.is_deleted
    WHERE
    (c.version_at, c.file_id) <= (excluded.version_at, excluded.file_id)
    AND (
        c.campaign_name, c.theme, c.channel, c.place, c.content, c.starts_on, c.ends_on, c.budget, c.currency,
        c.version_at, c.file_id, c.is_deleted
    ) IS DISTINCT FROM (
        excluded.campaign_name, excluded.theme, excluded.channel, excluded.place, excluded.content,
        excluded.starts_on, excluded.ends_on, excluded.budget, excluded.currency, excluded.version_at,
        excluded.file_id, excluded.is_deleted
    );
