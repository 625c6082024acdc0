"""A landing folder, a key ring, and a connection with no more rights than the loader has."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from marketflow.privacy import KeyRing, generate_key_ring
from marketflow.shared import Clock
from marketflow.sources import LoadSummary, contract_of, take_in
from marketflow.warehouse import connect

Take = Callable[[str], LoadSummary]
Rows = Callable[..., list[tuple[Any, ...]]]


@pytest.fixture(scope="session")
def keys() -> KeyRing:
    return KeyRing.from_json(generate_key_ring())


@pytest.fixture
def landing(tmp_path: Path) -> Path:
    for record in ("orders", "customers", "products", "behaviour"):
        (tmp_path / record).mkdir()
    return tmp_path


@pytest.fixture
def loader(warehouse_dsn: str) -> Iterator[psycopg.Connection]:
    with connect(warehouse_dsn, "loader") as conn:
        yield conn


@pytest.fixture
def take(loader: psycopg.Connection, landing: Path, keys: KeyRing, clock: Clock) -> Take:
    """Take in a record's files, and prove each time that the books balance."""

    def run(record: str) -> LoadSummary:
        summary = take_in(loader, record, landing=landing, keys=keys, clock=clock)
        assert summary.read == summary.loaded + summary.quarantined
        if summary.load_id is not None:
            table = psycopg.sql.Identifier(*contract_of(record).table.split("."))
            counted = loader.execute(
                psycopg.sql.SQL("SELECT count(*) FROM {} WHERE load_id = %s").format(table), [summary.load_id]
            ).fetchone()
            stored = loader.execute(
                "SELECT records_read, records_loaded, records_quarantined,"
                " (SELECT count(*) FROM ops.quarantine AS q WHERE q.load_id = l.load_id), state"
                " FROM ops.loads AS l WHERE load_id = %s", [summary.load_id],
            ).fetchone()  # fmt: skip
            assert counted == (summary.loaded,)
            state = "loaded" if summary.files else "refused"
            assert stored == (summary.read, summary.loaded, summary.quarantined, summary.quarantined, state)
        loader.commit()
        return summary

    return run


@pytest.fixture
def rows(loader: psycopg.Connection) -> Rows:
    def fetch(query: str, *parameters: object) -> list[tuple[Any, ...]]:
        found = loader.execute(query, list(parameters)).fetchall()  # type: ignore[call-overload]
        loader.commit()
        return found

    return fetch
