"""COPY of what the mapping made, into raw."""

from __future__ import annotations

import psycopg
from psycopg import sql

from marketflow.sources.contracts import contract_of
from marketflow.sources.mapping import Portion

_PIECE = 1 << 17


def copy_portion(conn: psycopg.Connection, portion: Portion) -> None:
    """Copy the good rows of every record into its table, in the caller's transaction."""
    for record, data in portion.copies.items():
        names = sql.SQL(", ").join(map(sql.Identifier, portion.targets[record]))
        table = sql.Identifier(*contract_of(record).table.split("."))
        statement = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT csv)").format(table, names)
        with conn.cursor() as cursor, cursor.copy(statement) as copy:
            view = memoryview(data)
            for start in range(0, len(view), _PIECE):
                copy.write(view[start : start + _PIECE])
