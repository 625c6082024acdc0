-- Statements of bulk inserts: which keys and indexes a table has, to make them anew.

-- name: known_rows
-- As of the last ANALYZE, which each build of many rows ends with.
SELECT greatest(c.reltuples, 0)::bigint AS known_rows
FROM pg_class AS c
WHERE c.oid = %(table)s::text::regclass;

-- name: definitions
-- In the order in which they are made; refers_to: of a foreign key the schema and name of the other table.
SELECT
    d.kind,
    d.name,
    d.definition,
    d.refers_to
FROM (
    SELECT
        'constraint' AS kind,
        c.conname::text AS name,
        pg_get_constraintdef(c.oid) AS definition,
        CASE WHEN c.contype = 'f' THEN ARRAY[n.nspname::text, t.relname::text] END AS refers_to,
        CASE c.contype WHEN 'p' THEN 1 WHEN 'u' THEN 2 ELSE 4 END AS place
    FROM pg_constraint AS c
    LEFT JOIN pg_class AS t ON c.confrelid = t.oid
    LEFT JOIN pg_namespace AS n ON t.relnamespace = n.oid
    WHERE
        c.conrelid = %(table)s::text::regclass
        AND (c.contype IN ('p', 'u') OR (c.contype = 'f' AND c.confrelid <> c.conrelid AND c.convalidated AND c.conenforced))
    UNION ALL
    SELECT
        'index' AS kind,
        x.relname::text AS name,
        pg_get_indexdef(x.oid) AS definition,
        NULL AS refers_to,
        3 AS place
    FROM pg_index AS i
    INNER JOIN pg_class AS x ON i.indexrelid = x.oid
    WHERE
        i.indrelid = %(table)s::text::regclass
        AND NOT EXISTS (
            SELECT FROM pg_constraint AS c
            WHERE c.conindid = i.indexrelid AND c.conrelid = i.indrelid
        )
) AS d
-- What a definition does not say could not be made anew: such a table keeps its indexes.
WHERE
    NOT EXISTS (
        SELECT FROM pg_index AS i
        INNER JOIN pg_class AS x ON i.indexrelid = x.oid
        WHERE
            i.indrelid = %(table)s::text::regclass
            AND (
                i.indisclustered
                OR i.indisreplident
                OR x.reloptions IS NOT NULL
                OR obj_description(x.oid, 'pg_class') IS NOT NULL
                OR EXISTS (
                    SELECT FROM pg_constraint AS c
                    WHERE c.conindid = x.oid AND obj_description(c.oid, 'pg_constraint') IS NOT NULL
                )
                OR EXISTS (
                    SELECT FROM pg_attribute AS a
                    WHERE a.attrelid = x.oid AND a.attstattarget >= 0
                )
            )
    )
ORDER BY d.place, d.name;

-- name: memory
-- For sorting the keys; until the transaction's end.
SELECT set_config('maintenance_work_mem', %(memory)s, TRUE);
