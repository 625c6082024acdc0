"""What the fast path accepts, the careful path accepts too, and with the same values."""

from __future__ import annotations

import io
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from landing_files import GOOD
from marketflow.privacy import KeyRing
from marketflow.shared import Clock
from marketflow.sources import contract_of, latest_instant
from marketflow.sources.careful import Careful
from marketflow.sources.contracts import Column
from marketflow.sources.fast import NotPlain, load_plain
from marketflow.sources.files import Fingerprint
from marketflow.sources.manifest import Books

TEXTS = ["1", "abc", " lead", "trail ", "é" * 32, "é" * 33, "\u00a0", "\u200b", '"q"', 'in"ch', "a\tb", "", " ", "x" * 64,
         "x" * 65, "\\N", "\\.", "NULL", "🎉", "'", "#", "campaign_received", "USD"]  # fmt: skip
NUMBERS = ["0", "1", "-1", "-0", "1.5", "1.50", "1.5000000000", "1.505", "1.5050", "1e3", "NaN", "Infinity", "+1", ".5",
           "5.", "007", "99999999", "99999999.00", "99999999.01", "100000000", "0x1F", "1_000", "٣", "", " 1", "1 ",
           "-99999999", "-99999999.01", "00000000000", "000000000001"]  # fmt: skip
INSTANTS = ["2017-12-31T10:00:00-05:00", "2017-12-31 10:00:00Z", "2017-12-31T10:00:00.123456+14:00", "",
            "2017-12-31T24:00:00Z", "2017-12-31T23:59:60Z", "2017-02-29T00:00:00Z", "2016-02-29T00:00:00Z",
            "2017-13-01T00:00:00Z", "0000-01-01T00:00:00Z", "0001-01-01T00:00:00Z", "9999-12-31T00:00:00Z",
            "2017-12-31T10:00:00", "2017-12-31T10:00:00-05", "2017-12-31T10:00:00-99:99", "2017-12-31T10:00:00+15:59",
            "2017-12-31T10:00:00 EST", "infinity", "now", "2018-01-03T04:59:59.999999Z", "2018-01-03T05:00:00Z",
            "1999-12-31T23:59:59Z", "2000-01-01T00:00:00Z", "2017-12-31T10:00:00.1234567Z"]  # fmt: skip
POOLS = {"text": TEXTS, "number": NUMBERS, "instant": INSTANTS}


@st.composite
def lines(draw: st.DrawFn, record: str) -> bytes:
    """A line that is good but for a few fields; now and then the line itself is odd."""
    row = dict(GOOD[record])
    columns = draw(st.lists(st.sampled_from(contract_of(record).columns), max_size=2))
    for column in columns:
        row[column.name] = draw(_value(column))
    end = draw(st.sampled_from(["\n"] * 12 + ["\r\n", "\n\n", "", ",\n", "\r"]))
    return (",".join(row.values()) + end).encode()


def _value(column: Column) -> st.SearchStrategy[str]:
    return st.one_of(st.sampled_from(POOLS[column.kind]), st.text(st.characters(codec="utf-8"), max_size=4))


@pytest.mark.parametrize("record", ["orders", "products", "behaviour"])
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_the_paths_agree(
    loader: psycopg.Connection, keys: KeyRing, clock: Clock, record: str, data: st.DataObject
) -> None:
    body = b"".join(data.draw(st.lists(lines(record), max_size=3)))
    try:
        place = _place(loader, record, clock)
        _compare(loader, keys=keys, clock=clock, record=record, body=body, place=place)
    finally:
        loader.rollback()


@pytest.mark.parametrize("record", ["orders", "products", "behaviour"])
def test_the_paths_agree_on_every_value_of_every_column(
    loader: psycopg.Connection, keys: KeyRing, clock: Clock, record: str
) -> None:
    place = _place(loader, record, clock)
    for column in contract_of(record).columns:
        for value in (*POOLS[column.kind], *POOLS["text"]):
            body = (",".join({**GOOD[record], column.name: value}.values()) + "\n").encode()
            with loader.transaction(force_rollback=True):
                _compare(loader, keys=keys, clock=clock, record=record, body=body, place=place)


def _place(conn: psycopg.Connection, record: str, clock: Clock) -> tuple[int, int]:
    books = Books(conn, record, clock)
    load_id = books.begin()
    (file_id,) = books.add([("x", Fingerprint(checksum=b"x", size=0, changed_at=0))])
    assert file_id is not None
    return load_id, file_id


def _compare(
    conn: psycopg.Connection, *, keys: KeyRing, clock: Clock, record: str, body: bytes, place: tuple[int, int]
) -> None:
    contract = contract_of(record)
    latest = latest_instant(clock.business_date(), clock.time_zone)
    try:
        with conn.transaction():
            (count,) = load_plain(
                conn, contract, contract.names, [(place[1], io.BytesIO(body))], load_id=place[0], latest=latest
            )
    except NotPlain:
        count, fast = None, []
    else:
        fast = _rows(conn, contract.table)
    assert count is not None or not _rows(conn, contract.table)
    conn.execute(psycopg.sql.SQL("DELETE FROM {}").format(psycopg.sql.Identifier(*contract.table.split("."))))
    careful = Careful(
        conn=conn, contract=contract, header=contract.names, keys=keys, load_id=place[0], file_id=place[1],
        now=clock.now(), latest=latest,
    )  # fmt: skip
    counts, _ = careful.load(io.BytesIO(body))
    assert counts.loaded == len(_rows(conn, contract.table))
    if count is not None:
        assert (counts.read, counts.quarantined) == (count, 0)
        assert _rows(conn, contract.table) == fast


def _rows(conn: psycopg.Connection, table: str) -> list[tuple[Any, ...]]:
    name = psycopg.sql.Identifier(*table.split("."))
    return conn.execute(psycopg.sql.SQL("SELECT t::text FROM {} AS t ORDER BY record_no").format(name)).fetchall()


@pytest.mark.parametrize("record", ["orders", "products", "behaviour"])
def test_plain_files_do_take_the_fast_path(loader: psycopg.Connection, clock: Clock, record: str) -> None:
    contract = contract_of(record)
    body = (",".join(GOOD[record].values()) + "\n").encode() * 30_000  # more than one chunk
    latest = latest_instant(clock.business_date(), clock.time_zone)
    streams = [(1, io.BytesIO(body)), (2, io.BytesIO(b"")), (3, io.BytesIO(body))]
    counts = load_plain(loader, contract, contract.names, streams, load_id=1, latest=latest)
    assert counts == [30_000, 0, 30_000]
    numbers = [row for (row,) in loader.execute(
        psycopg.sql.SQL("SELECT record_no FROM {} WHERE file_id = 3 ORDER BY 1").format(
            psycopg.sql.Identifier(*contract.table.split(".")))).fetchall()]  # fmt: skip
    assert numbers == list(range(1, 30_001))
    loader.rollback()
