-- step: merge
-- A rate holds from its day until the next one. Of two systems that give one for the same day the newest wins.
INSERT INTO core.exchange_rates AS x (base_currency, currency, rate_on, rate, source, version_at, file_id)
SELECT DISTINCT ON (r.base_currency, r.currency, r.rate_on)
    r.base_currency,
    r.currency,
    r.rate_on,
    r.rate,
    l.system,
    r.version_at,
    r.file_id
FROM raw.exchange_rates AS r
INNER JOIN merging_loads AS l ON r.load_id = l.load_id
ORDER BY r.base_currency ASC, r.currency ASC, r.rate_on ASC, r.version_at DESC, r.file_id DESC, r.record_no DESC
ON CONFLICT (base_currency, currency, rate_on) DO UPDATE
    SET
        rate = excluded.rate,
        source = excluded.source,
        version_at = excluded.version_at,
        file_id = excluded.file_id
    WHERE
    (x.version_at, x.file_id) <= (excluded.version_at, excluded.file_id)
    AND (x.rate, x.source, x.version_at, x.file_id)
    IS DISTINCT FROM (excluded.rate, excluded.source, excluded.version_at, excluded.file_id);
