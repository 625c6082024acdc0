"""Keys and indexes made anew after a bulk insert.

Sorting keys once takes a fifth of the time of putting each in its place, and to look for the row that a foreign key
points to takes more than to insert one.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import psycopg
from psycopg import sql

from marketflow.warehouse.queries import queries

_WORTH = 10_000  # rows; below, the locks are not worth it
_MEMORY = "256MB"  # for sorting keys


class _Made(NamedTuple):
    """A constraint or an index; `refers_to`: the schema and name of the table that a foreign key points to."""

    kind: str
    name: str
    definition: str
    refers_to: list[str] | None


@contextmanager
def keys_afterwards(conn: psycopg.Connection, table: str, rows: int, *, own: bool = True) -> Iterator[None]:
    """Drop the keys and indexes of `table` while the block inserts `rows` rows, then make them as they were.

    `own`: False when the block needs the table's own ones; then only foreign keys are dropped. Does nothing unless as
    many rows come as the table has, when anybody else is reading it (the table is locked until the end of the caller's
    transaction), or when somebody needs an index as it is. Foreign keys go only where the table is empty, since the
    table that one points to is locked as well, and who sends or unsubscribes would wait; and only when nobody is
    reading that. An empty table gets a new file, which with wal_level minimal is written once. Whatever fails, the
    caller's rollback brings all back.
    """
    made = _definitions(conn, table) if is_first_load(conn, table, rows) else []
    is_empty = bool(made) and _is_empty(conn, table)
    made = [m for m in made if (is_empty if m.refers_to else own)]
    if not made or not _lock(conn, table.split(".")):
        yield
        return
    made = [m for m in made if m.refers_to is None or _lock(conn, m.refers_to)]
    if not _drop_all(conn, table, made):
        yield
        return
    if own and is_empty and _is_empty(conn, table):  # now that nobody else can write to it
        conn.execute(sql.SQL("TRUNCATE {}").format(_name(table)))
    yield
    conn.execute(queries("bulk")["memory"], {"memory": _MEMORY})
    for what in made:
        conn.execute(_create(table, what))


def _definitions(conn: psycopg.Connection, table: str) -> list[_Made]:
    """In the order in which they are made: foreign keys last."""
    return [_Made(*row) for row in conn.execute(queries("bulk")["definitions"], {"table": table})]


def is_first_load(conn: psycopg.Connection, table: str, rows: int) -> bool:
    """Are `rows` rows many, and at least as many as `table` has?"""
    if rows < _WORTH:
        return False
    row = conn.execute(queries("bulk")["known_rows"], {"table": table}).fetchone()
    return row is not None and row[0] <= rows


def _is_empty(conn: psycopg.Connection, table: str) -> bool:
    row = conn.execute(sql.SQL("SELECT EXISTS (SELECT FROM {})").format(_name(table))).fetchone()
    return row is not None and not row[0]


def _lock(conn: psycopg.Connection, table: list[str]) -> bool:
    """Have the table for ourselves; False when somebody has it in use, for whom nobody should wait behind us."""
    try:
        with conn.transaction():
            conn.execute(sql.SQL("LOCK TABLE {} IN ACCESS EXCLUSIVE MODE NOWAIT").format(sql.Identifier(*table)))
    except psycopg.errors.LockNotAvailable:
        return False
    return True


def _drop_all(conn: psycopg.Connection, table: str, made: list[_Made]) -> bool:
    """False, and all of them stay, when somebody's view or foreign key needs one of them."""
    try:
        with conn.transaction():
            for what in reversed(made):
                conn.execute(_drop(table, what))
    except psycopg.errors.DependentObjectsStillExist:
        return False
    return True


def _drop(table: str, what: _Made) -> sql.Composed:
    if what.kind == "index":
        return sql.SQL("DROP INDEX {}").format(sql.Identifier(table.split(".", maxsplit=1)[0], what.name))
    return sql.SQL("ALTER TABLE {} DROP CONSTRAINT {}").format(_name(table), sql.Identifier(what.name))


def _create(table: str, what: _Made) -> sql.Composed:
    as_it_was = sql.SQL(what.definition)  # the server's own words  # type: ignore[arg-type]
    if what.kind == "index":
        return sql.Composed([as_it_was])
    return sql.SQL("ALTER TABLE {} ADD CONSTRAINT {} {}").format(_name(table), sql.Identifier(what.name), as_it_was)


def _name(table: str) -> sql.Identifier:
    return sql.Identifier(*table.split("."))
