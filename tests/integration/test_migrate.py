"""Migrations run once, refuse to be edited, and their sum is sql/schema.sql."""

from __future__ import annotations

import datetime as dt

import psycopg

from marketflow.warehouse import migrate, pending_migrations

NOW = dt.datetime(2026, 11, 22, tzinfo=dt.UTC)


def test_a_second_run_finds_nothing(conn: psycopg.Connection) -> None:
    assert pending_migrations(conn) == []
    assert migrate(conn, NOW) == []
