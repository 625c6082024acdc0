"""Migrations run once, refuse to be edited, and their sum is sql/schema.sql."""

from __future__ import annotations

import datetime as dt

import psycopg

from conftest import ROOT
from marketflow.embedded.postgres import Server
from marketflow.embedded.schema import dump_schema
from marketflow.warehouse import migrate, pending_migrations

NOW = dt.datetime(2026, 11, 22, tzinfo=dt.UTC)


def test_a_second_run_finds_nothing(conn: psycopg.Connection) -> None:
    assert pending_migrations(conn) == []
    assert migrate(conn, NOW) == []


def test_schema_sql_is_the_sum_of_the_migrations(pg_server: Server) -> None:
    text = (ROOT / "sql" / "schema.sql").read_text(encoding="utf-8")
    assert text == dump_schema(pg_server.dsn("template_warehouse")), "run `make schema`"
