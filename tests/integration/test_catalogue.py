"""The catalogue has every table, view and column of the warehouse, each with words."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest

from conftest import ROOT
from marketflow.catalogue import Table, all_tables
from marketflow.catalogue.page import catalogue_page
from marketflow.embedded.postgres import Server
from marketflow.embedded.schema import dump_schema
from marketflow.warehouse import load_transforms

COLUMNS = """
SELECT format('%I.%I', n.nspname, c.relname), a.attname, NOT a.attnotnull, c.relkind = 'v'
FROM pg_attribute AS a
INNER JOIN pg_class AS c ON a.attrelid = c.oid
INNER JOIN pg_namespace AS n ON c.relnamespace = n.oid
WHERE c.relkind IN ('r', 'p', 'v') AND NOT c.relispartition AND a.attnum > 0 AND NOT a.attisdropped
AND n.nspname NOT IN ('pg_catalog', 'information_schema')
ORDER BY 1, a.attnum
"""


@pytest.fixture
def tables(pg_server: Server, warehouse_dsn: str, tmp_path: Path) -> list[Table]:
    """Of the migrations as they are now, whether or not sql/schema.sql has been written anew."""
    (tmp_path / "sql").mkdir()
    for folder in ("transforms", "migrations"):
        (tmp_path / "sql" / folder).symlink_to(ROOT / "sql" / folder)
    (tmp_path / "sql/schema.sql").write_text(dump_schema(pg_server.dsn(warehouse_dsn.rpartition("/")[2])))
    return all_tables(tmp_path)


def test_every_table_and_column_of_the_database_is_there(tables: list[Table], conn: psycopg.Connection) -> None:
    wanted = [tuple(row) for row in conn.execute(COLUMNS)]
    found = [(t.name, c.name, c.nullable, t.is_view) for t in sorted(tables, key=lambda t: t.name) for c in t.columns]
    assert found == wanted


def test_every_table_and_column_has_words(tables: list[Table]) -> None:
    assert [t.name for t in tables if not t.description or not t.grain] == []
    assert [(t.name, c.name) for t in tables for c in t.columns if not c.words] == []


def test_what_is_said_of_a_key_is_so_in_the_database(tables: list[Table], conn: psycopg.Connection) -> None:
    primary = "SELECT to_regclass(%s) IN (SELECT indrelid FROM pg_index WHERE indisprimary)"
    for table in tables:
        assert conn.execute(primary, [table.name]).fetchone() == (bool(table.key),), table.name


def test_what_table_yaml_says_stands_in_the_page(tables: list[Table]) -> None:
    page = catalogue_page(tables)
    for name, transform in load_transforms().items():
        assert f'<article id="{name}">' in page
        article = page.split(f'<article id="{name}">')[1].split("</article>")[0]
        for column in transform.doc.columns:
            assert f"<code>{column}</code>" in article
        for check, (grade, _) in transform.checks.items():
            assert f'<span class="badge {grade}">{check.replace("_", " ")} <b>{grade}</b>' in article
        for upstream in transform.doc.upstream:
            assert f'href="#{upstream}"' in article
