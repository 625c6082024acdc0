-- Statements about the segments of the collector's log.

-- name: drained_segments
-- Of the segments that are there, those whose rows core has, by their content. The manifest keeps its entries.
SELECT f.checksum
FROM ops.landing_files AS f
INNER JOIN ops.loads AS l ON f.load_id = l.load_id
WHERE
    f.source = %(source)s
    AND f.checksum = any(%(checksums)s::bytea[])
    AND f.state = 'loaded'
    AND l.state = 'merged';
