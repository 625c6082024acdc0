"""A landing folder, a key ring, and a connection with no more rights than the loader has."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from marketflow.privacy import KeyRing, generate_key_ring
from marketflow.shared import Clock, Shop
from marketflow.sources import LoadSummary, Source, contract_of, load_source, load_sources, take_in
from marketflow.sources.places.folder import FolderPlace
from marketflow.warehouse import connect

Take = Callable[[str | Source], LoadSummary]
Write = Callable[[str, str], Source]
Rows = Callable[..., list[tuple[Any, ...]]]
SHOP = Shop(time_zone="America/New_York", country="US", locale="en-US", currency="USD")


@pytest.fixture(scope="session")
def keys() -> KeyRing:
    return KeyRing.from_json(generate_key_ring())


@pytest.fixture(scope="session")
def demo() -> dict[str, Source]:
    """The demo's own sources, one per record."""
    return {source.name: source for source in load_sources()}


@pytest.fixture
def landing(tmp_path: Path) -> Path:
    for record in ("orders", "customers", "products", "behaviour", "flat"):
        (tmp_path / record).mkdir()
    return tmp_path


@pytest.fixture
def source(tmp_path: Path) -> Write:
    """Write a source file; it has the folder `flat`."""

    def write(name: str, text: str) -> Source:
        path = tmp_path / f"{name}.yaml"
        path.write_text(f"title: A source of tests\nowner: tests\nschedule: null\n{text}")
        return load_source(path)

    return write


@pytest.fixture
def loader(warehouse_dsn: str) -> Iterator[psycopg.Connection]:
    with connect(warehouse_dsn, "loader") as conn:
        yield conn


@pytest.fixture
def take(loader: psycopg.Connection, landing: Path, keys: KeyRing, clock: Clock, demo: dict[str, Source]) -> Take:
    """Take in a source's files, and prove each time that the books balance."""

    def run(name: str | Source) -> LoadSummary:
        source = demo[name] if isinstance(name, str) else name
        place = FolderPlace(source, landing)
        summary = take_in(loader, source, place, keys=keys, clock=clock, shop=SHOP)
        assert summary.read == summary.loaded + summary.quarantined
        if summary.load_id is not None:
            _assert_books(loader, source, summary)
        loader.commit()
        return summary

    return run


def _assert_books(loader: psycopg.Connection, source: Source, summary: LoadSummary) -> None:
    for record in source.records:
        table = psycopg.sql.Identifier(*contract_of(record).table.split("."))
        count = psycopg.sql.SQL("SELECT count(*) FROM {} WHERE load_id = %s").format(table)
        assert loader.execute(count, [summary.load_id]).fetchone() == (summary.records.get(record, 0),)
    stored = loader.execute(
        "SELECT records_read, records_loaded, records_quarantined,"
        " (SELECT count(*) FROM ops.quarantine AS q WHERE q.load_id = l.load_id), state, source, system, record"
        " FROM ops.loads AS l WHERE load_id = %s", [summary.load_id],
    ).fetchone()  # fmt: skip
    state = "loaded" if summary.files else "refused"
    names = (source.name, source.system, source.primary)
    assert stored == (summary.read, summary.loaded, summary.quarantined, summary.quarantined, state, *names)


@pytest.fixture
def rows(loader: psycopg.Connection) -> Rows:
    def fetch(query: str, *parameters: object) -> list[tuple[Any, ...]]:
        found = loader.execute(query, list(parameters)).fetchall()  # type: ignore[call-overload]
        loader.commit()
        return found

    return fetch
