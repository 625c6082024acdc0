"""A warehouse of an earlier version, for tests of the upgrade."""

from __future__ import annotations

import datetime as dt
import importlib
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest

from conftest import PASSWORDS, owner_dsn
from marketflow.embedded.postgres import Server
from marketflow.warehouse import bootstrap, connect, migrate

NOW = dt.datetime(2026, 11, 22, 9, 0, tzinfo=dt.UTC)


@contextmanager
def warehouse_of(
    version: int, server: Server, monkeypatch: pytest.MonkeyPatch, name: str = "warehouse_before"
) -> Iterator[psycopg.Connection]:
    """A warehouse with the migrations up to `version`."""
    module = importlib.import_module("marketflow.warehouse.migrate")
    before = module.load_migrations()[:version]
    bootstrap(server.dsn(), name, PASSWORDS)
    try:
        with connect(owner_dsn(server, name)) as conn:
            with monkeypatch.context() as patch:
                patch.setattr(module, "load_migrations", lambda: before)
                migrate(conn, NOW)
            yield conn
    finally:
        with psycopg.connect(server.dsn(), autocommit=True) as admin:
            admin.execute(f"DROP DATABASE {name} WITH (FORCE)")
