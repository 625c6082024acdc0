"""Every table that is built is explained, column by column, and the database says so too."""

from __future__ import annotations

import uuid

import psycopg
import pytest

from marketflow.shared.ids import event_id
from marketflow.warehouse import load_transforms
from marketflow.warehouse.transforms import write_comments

COLUMNS = """
SELECT c.column_name, col_description(format('%%I.%%I', c.table_schema, c.table_name)::regclass, c.ordinal_position)
FROM information_schema.columns AS c
WHERE c.table_schema || '.' || c.table_name = %s
"""


@pytest.mark.parametrize("table", load_transforms())
def test_every_column_is_described_and_commented(conn: psycopg.Connection, table: str) -> None:
    write_comments(conn)
    doc = load_transforms()[table].doc
    comments = dict(conn.execute(COLUMNS, [table]).fetchall())
    assert comments == doc.columns
    assert all(len(words) > 5 for words in doc.columns.values())
    described = conn.execute("SELECT obj_description(%s::regclass)", [table]).fetchone()
    assert described == (f"{doc.description} Grain: {doc.grain}.",)


def test_every_mart_has_a_transform_and_checks(conn: psycopg.Connection) -> None:
    tables = {
        t
        for (t,) in conn.execute(
            "SELECT oid::regclass::text FROM pg_class WHERE relnamespace = 'marts'::regnamespace AND relkind IN ('r', 'v')"
        )
    }
    built = load_transforms()
    assert tables == {name for name in built if name.startswith("marts.")}
    assert all(transform.checks for transform in built.values())


def test_upstream_tables_exist_and_come_first(conn: psycopg.Connection) -> None:
    order = list(load_transforms())
    for name, transform in load_transforms().items():
        for table in transform.doc.upstream:
            assert conn.execute("SELECT to_regclass(%s)", [table]).fetchone() != (None,), f"{name} reads {table}"
            assert table not in order or order.index(table) < order.index(name)


@pytest.mark.parametrize(("source", "key"), [("shop", "1"), ("", ""), ("shop", "Ünï/☃"), ("a", "b/c"), ("a/b", "c")])
def test_sql_and_python_give_an_event_the_same_id(conn: psycopg.Connection, source: str, key: str) -> None:
    row = conn.execute("SELECT ops.event_id(%s, %s)", [source, key]).fetchone()
    assert row is not None
    computed: uuid.UUID = row[0]
    assert computed == event_id(source, key)
    assert computed.variant == uuid.RFC_4122
    assert computed.version == 8
