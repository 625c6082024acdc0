"""Half a million order lines by one source file: every line is accounted for, as DuckDB counts the same file."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import duckdb
import psycopg
import pytest

from conftest import ROOT
from marketflow.privacy import KeyRing, generate_key_ring
from marketflow.quality import judge
from marketflow.shared import Clock, Shop
from marketflow.sources import LoadSummary, load_source, take_in
from marketflow.sources.places import place_of
from marketflow.warehouse import build_core, connect

LINES = 500_000
SHOP = Shop(time_zone="Europe/London", country="GB", locale="en-GB", currency="GBP")
CLOCK = Clock(time_zone=ZoneInfo("Europe/London"), pinned_day=dt.date(2025, 1, 1))
# A handful of lines that nobody can use, and the reason that is stored with each.
BROKEN = {
    "600001,20001,NO DATE,1,,1.00,12346,United Kingdom": "ordered_at is missing",
    "600002,20001,NO NUMBER,one,01/06/2024 10:00,1.00,12346,United Kingdom": "quantity is not a number",
    "600003,20001,A SALE OF LESS THAN NOTHING,-1,01/06/2024 10:00,1.00,12346,United Kingdom": "negative quantity",
    ",20001,NO INVOICE,1,01/06/2024 10:00,1.00,12346,United Kingdom": "order_id is missing",
    "600004,20001,NO SUCH DAY,1,31/06/2024 10:00,1.00,12346,United Kingdom": (
        "ordered_at is not a time of the form %d/%m/%Y %H:%M"
    ),
    "600005,20001,SUMMER TIME BEGINS,1,31/03/2024 01:30,1.00,12346,United Kingdom": (
        "ordered_at does not exist: the clock was put forward in Europe/London"
    ),
    "600006,20001,TOO MANY FIELDS,1,01/06/2024 10:00,1.00,12346,United Kingdom,x": "9 fields instead of 8",
}


@pytest.fixture(scope="module")
def landing(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with the file; the broken lines stand in its middle and at its end."""
    from benchmarks._flat_export import write_export

    folder = tmp_path_factory.mktemp("landing")
    path = folder / "flat" / "lines.csv"
    path.parent.mkdir()
    whole = write_export(path, LINES).read_bytes().splitlines(keepends=True)
    broken = [line.encode() + b"\n" for line in BROKEN]
    path.write_bytes(b"".join([*whole[:250_001], *broken[:4], *whole[250_001:], *broken[4:]]))
    return folder


@pytest.fixture(scope="module")
def export(landing: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """The good lines, read by DuckDB: a table `export` of texts."""
    path = landing.parent / "good.csv"
    broken = {line.encode() for line in BROKEN}
    lines = (landing / "flat" / "lines.csv").read_bytes().splitlines()
    path.write_bytes(b"\n".join(line for line in lines if line not in broken) + b"\n")
    from benchmarks._flat_export import read_export

    with duckdb.connect() as duck:
        read_export(duck, path)
        yield duck


@pytest.fixture
def loaded(warehouse_dsn: str, landing: Path) -> tuple[LoadSummary, str]:
    """The load, passed by the gate and merged; and the owner's URI of its warehouse."""
    from benchmarks._flat_export import SOURCE

    source, keys = load_source(SOURCE), KeyRing.from_json(generate_key_ring())
    with connect(warehouse_dsn, "loader") as conn:
        place = place_of(source, conn=conn, landing=landing, clock=CLOCK)
        summary = take_in(conn, source, place, keys=keys, clock=CLOCK, shop=SHOP)
        assert summary.load_id is not None
        url = warehouse_dsn.replace("postgresql://", "postgresql+psycopg://", 1)
        assert judge(conn, url, summary.load_id, source=source, clock=CLOCK, docs=None).passed
    with connect(warehouse_dsn) as conn:
        build_core(conn, clock=CLOCK, shop=SHOP)
    return summary, warehouse_dsn


@pytest.fixture(scope="module", autouse=True)
def _importable() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(ROOT))
        yield


def test_every_line_is_accounted_for(loaded: tuple[LoadSummary, str], export: duckdb.DuckDBPyConnection) -> None:
    summary, dsn = loaded
    assert (summary.read, summary.loaded, summary.quarantined) == (LINES + len(BROKEN), LINES, len(BROKEN))
    with connect(dsn) as conn:
        found = conn.execute("SELECT record_no, reason FROM ops.quarantine ORDER BY record_no").fetchall()
        _neighbours(conn)
        _lines(conn, export)
        _days(conn, export)
        _orders(conn, export)
        _people_and_products(conn, export)
    numbers = [*range(250_001, 250_005), *range(LINES + 5, LINES + 8)]
    assert found == list(zip(numbers, BROKEN.values(), strict=True))


def _neighbours(conn: psycopg.Connection) -> None:
    """The lines beside the broken ones arrived."""
    beside = [250_000, 250_005, LINES + 4]
    query = "SELECT record_no FROM raw.order_lines WHERE record_no = ANY(%s) ORDER BY record_no"
    assert [n for (n,) in conn.execute(query, [beside])] == beside


def _lines(conn: psycopg.Connection, export: duckdb.DuckDBPyConnection) -> None:
    """As many lines as in the file, identical ones included, with the same money."""
    count, quantity, amount = _one(conn, "SELECT count(*), sum(quantity), sum(amount) FROM core.order_lines")
    theirs = export.execute(
        'SELECT count(*), sum("Quantity"::INT), sum("Quantity"::INT * "Price"::DECIMAL(14, 2)) FROM export'
    ).fetchone()
    assert (count, quantity, amount) == theirs
    twice = "SELECT count(*) FROM (SELECT {} FROM {} GROUP BY ALL HAVING count(*) > 1)"
    identical = export.execute(twice.format('"Invoice", "StockCode", "Quantity", "Price"', "export")).fetchone()
    assert identical is not None
    assert identical[0] > 1_000
    kept = _one(
        conn,
        "SELECT count(*) FROM (SELECT FROM core.order_lines GROUP BY order_id, product_id, quantity, amount "
        "HAVING count(*) > 1) AS t",
    )
    assert kept == identical


def _days(conn: psycopg.Connection, export: duckdb.DuckDBPyConnection) -> None:
    """Revenue by day; what was cancelled takes from the day on which it was."""
    ours = conn.execute(
        "SELECT ordered_on, sum(base_revenue), sum(base_revenue) FILTER (WHERE kind = 'cancellation') FROM core.orders "
        "GROUP BY ordered_on ORDER BY ordered_on"
    ).fetchall()
    money = '"Quantity"::INT * "Price"::DECIMAL(14, 2)'
    theirs = export.execute(
        f"SELECT strptime(\"InvoiceDate\", '%d/%m/%Y %H:%M')::DATE AS day, sum({money}), "
        f"sum({money}) FILTER (\"Invoice\" LIKE 'C%') FROM export GROUP BY day ORDER BY day"
    ).fetchall()
    assert len(ours) == 366
    assert ours == theirs
    assert all(cancelled is None or cancelled < 0 for _, _, cancelled in ours)


def _orders(conn: psycopg.Connection, export: duckdb.DuckDBPyConnection) -> None:
    """Orders, cancellations, guests, and lines that cost nothing."""
    ours = _one(
        conn,
        "SELECT count(*), count(*) FILTER (WHERE kind = 'cancellation'), count(*) FILTER (WHERE customer_id IS NULL), "
        "sum(line_count), (SELECT count(*) FROM core.order_lines WHERE amount = 0) FROM core.orders",
    )
    theirs = export.execute(
        """SELECT count(DISTINCT "Invoice"), count(DISTINCT "Invoice") FILTER ("Invoice" LIKE 'C%'),
        count(DISTINCT "Invoice") FILTER ("Customer ID" IS NULL), count(*), count(*) FILTER ("Price" = '0') FROM export"""
    ).fetchone()
    assert ours == theirs
    assert min(ours) > 500


def _people_and_products(conn: psycopg.Connection, export: duckdb.DuckDBPyConnection) -> None:
    ours = conn.execute(
        "SELECT i.external_id, c.country FROM core.customers AS c JOIN core.customer_identifiers AS i USING (customer_id) "
        "ORDER BY 1"
    ).fetchall()
    theirs = export.execute(
        """SELECT DISTINCT "Customer ID", CASE "Country" WHEN 'Germany' THEN 'DE' WHEN 'France' THEN 'FR'
        WHEN 'EIRE' THEN 'IE' ELSE 'GB' END FROM export WHERE "Customer ID" IS NOT NULL ORDER BY 1"""
    ).fetchall()
    assert sorted(ours) == sorted(theirs)
    named = conn.execute("SELECT external_id, product_name FROM core.products WHERE in_catalogue").fetchall()
    assert sorted(named) == sorted(export.execute('SELECT DISTINCT "StockCode", "Description" FROM export').fetchall())


def _one(conn: psycopg.Connection, query: str) -> tuple[Any, ...]:
    row = conn.execute(query).fetchone()
    assert row is not None
    return row
