"""What is in a warehouse, in one line per table: tells whether a re-run changed a row that it should not change."""

from __future__ import annotations

import psycopg
from psycopg import sql

# When a row was written and by which run, not what it says.
_BOOKKEEPING = {"updated_at", "refreshed_at", "model_run_id"}

_COLUMNS = """
SELECT n.nspname || '.' || c.relname, array_agg(a.attname ORDER BY a.attnum)
FROM pg_class AS c
JOIN pg_namespace AS n ON n.oid = c.relnamespace
JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
WHERE n.nspname = any(%s) AND c.relkind IN ('r', 'p') AND NOT c.relispartition
GROUP BY 1
ORDER BY 1
"""


def table_checksums(conn: psycopg.Connection, schemas: list[str]) -> dict[str, str]:
    """By table, the number of rows and the MD5 of all rows in a fixed order, without the columns of bookkeeping."""
    found = {}
    for table, columns in conn.execute(_COLUMNS, [schemas]).fetchall():
        names = sql.SQL(", ").join(sql.Identifier(c) for c in columns if c not in _BOOKKEEPING)
        query = "SELECT count(*) || ' ' || coalesce(md5(string_agg(r, chr(10) ORDER BY r)), '') FROM (SELECT (t.*)::text AS r FROM (SELECT {} FROM {}) AS t) AS s"
        row = conn.execute(sql.SQL(query).format(names, sql.Identifier(*table.split(".")))).fetchone()
        assert row is not None
        found[table] = row[0]
    return found
