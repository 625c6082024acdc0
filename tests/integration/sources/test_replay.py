"""Rows in quarantine are read again, under a mended source file or repaired; each arrives once and as of its own time."""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
import pytest

from marketflow.privacy import KeyRing
from marketflow.quality import judge
from marketflow.shared import Clock, ConfigurationError, Shop
from marketflow.sources import ReplaySummary, Selection, Source, load_source, replay_quarantine, take_in
from marketflow.sources.places.folder import FolderPlace
from marketflow.sources.replay import read_repairs
from marketflow.warehouse import build_core, connect
from quality_loads import url

SHOP = Shop(time_zone="America/New_York", country="US", locale="en-US", currency="USD")
HEAD = "Invoice,Code,Qty,Price,Day,Customer"
GOOD = "1,p1,2,3.50,2017-12-01T10:00:00,c1"
YAML = """
title: A shop's export
owner: tests
schedule: null
system: shop
from: {folder: flat, files: "*.csv", dated: "lines-%Y-%m-%d.csv"}
time_zone: America/New_York
DECIMALrecords:
  orders:
    columns:
      order_id: Invoice
      customer_id: Customer
      product_id: Code
      quantity: QTY
      amount: Price
      ordered_at: Day
      currency: {constant: USD}
  customers: {columns: {customer_id: Customer}}
"""


class Shelf:
    """A landing folder, its source file, and what is done with them as the role loader."""

    def __init__(self, folder: Path, dsn: str, keys: KeyRing, clock: Clock) -> None:
        self.folder, self.dsn, self.keys, self.clock = folder, dsn, keys, clock
        (folder / "flat").mkdir()

    def source(self, quantity: str = "Qty", decimal: str = "") -> Source:
        path = self.folder / "flat_export.yaml"
        path.write_text(YAML.replace("QTY", quantity).replace("DECIMAL", f"decimal: '{decimal}'\n" if decimal else ""))
        return load_source(path)

    def take(self, *lines: str, day: str = "2017-12-02", state: str = "merged", source: Source | None = None) -> int:
        (self.folder / f"flat/lines-{day}.csv").write_text("\n".join([HEAD, *lines]) + "\n")
        source = source or self.source()
        with connect(self.dsn, "loader") as conn:
            place = FolderPlace(source, self.folder)
            load = take_in(conn, source, place, keys=self.keys, clock=self.clock, shop=SHOP).load_id
            assert load is not None
            conn.execute("UPDATE ops.loads SET state = %s WHERE load_id = %s", [state, load])
            return load

    def replay(self, source: Source | None = None, selection: Selection | None = None, **options: Any) -> ReplaySummary:
        with connect(self.dsn, "loader") as conn:
            return replay_quarantine(
                conn, source or self.source(), selection or Selection(), keys=self.keys, clock=self.clock, shop=SHOP,
                **{"actor": "maria", **options},
            )  # fmt: skip


@pytest.fixture
def shelf(tmp_path: Path, warehouse_dsn: str, keys: KeyRing, clock: Clock) -> Shelf:
    return Shelf(tmp_path, warehouse_dsn, keys, clock)


@pytest.fixture
def rows(conn: psycopg.Connection) -> Callable[..., list[tuple[Any, ...]]]:
    def select(query: str) -> list[tuple[Any, ...]]:
        conn.rollback()
        return conn.execute(query).fetchall()  # type: ignore[call-overload,no-any-return]

    return select


LINES = "SELECT order_ref, record_no, quantity, amount FROM raw.order_lines ORDER BY file_id, record_no"
WAITING = "SELECT record_no, reason, column_name FROM ops.quarantine WHERE replayed_load_id IS NULL ORDER BY 1"
TWO, MANY = "2,p1,two,3.50,2017-12-01T10:00:00,c2", "3,p1,many,1,2017-12-01T10:00:00,c3"


def test_rows_that_the_mended_source_file_understands_arrive_once(shelf: Shelf, rows: Any) -> None:
    first = shelf.take(GOOD, TWO)
    still = shelf.replay()
    assert (still.load_id, still.looked_at, still.arrived, still.waiting) == (None, 1, 0, 1)
    assert rows("SELECT count(*) FROM ops.loads") == [(1,)]
    mended = shelf.source("{from: Qty, replace: {two: '2'}}")
    done = shelf.replay(mended)
    assert (done.arrived, done.waiting, done.records) == (1, 0, {"orders": 1, "customers": 1})
    assert rows(LINES) == [("1", 1, 2, Decimal("3.50")), ("2", 2, 2, Decimal("3.50"))]
    assert rows(
        "SELECT load_id, kind, state, files, records_read, records_loaded, records_quarantined FROM ops.loads"
    ) == [
        (first, "files", "merged", 1, 2, 1, 1),
        (done.load_id, "replay", "loaded", 1, 1, 1, 0),
    ]
    assert rows("SELECT replayed_load_id, replayed_at IS NOT NULL FROM ops.quarantine") == [(done.load_id, True)]
    again = shelf.replay(mended)
    assert (again.load_id, again.looked_at) == (None, 0)
    assert len(rows(LINES)) == 2


def test_a_source_file_with_another_decimal_mark_is_enough(shelf: Shelf, rows: Any) -> None:
    shelf.take(GOOD, '2,p1,"2,5","1,20",2017-12-01T10:00:00,c2')
    done = shelf.replay(shelf.source(decimal=","))
    assert done.arrived == 1
    assert rows(LINES)[1] == ("2", 2, 2.5, Decimal("1.20"))


def test_rows_that_are_still_bad_wait_on_with_the_new_reason(shelf: Shelf, rows: Any) -> None:
    shelf.take(GOOD, TWO, MANY)
    before = rows(WAITING)
    done = shelf.replay(repairs={"Qty": "1", "Day": "yesterday"})
    assert (done.arrived, done.waiting, done.load_id) == (0, 2, None)
    after = rows(WAITING)
    assert [row[0] for row in after] == [row[0] for row in before] == [2, 3]
    assert {row[2] for row in before} == {"quantity"}
    assert {row[2] for row in after} == {"ordered_at"}
    assert done.reasons == {after[0][1]: 2}


def test_a_replayed_row_has_the_file_the_number_and_the_time_that_it_had(shelf: Shelf, rows: Any) -> None:
    shelf.take(GOOD, TWO)
    shelf.replay(repairs={"Qty": "2"})
    # Lines have no time of their own: they have the one of the file that they came in.
    assert rows(
        "SELECT DISTINCT l.file_id, l.version_at, f.path FROM raw.order_lines AS l JOIN ops.landing_files AS f USING (file_id)"
    ) == [(1, None, "flat/lines-2017-12-02.csv")]
    entries = rows(
        "SELECT path, records_read, version_at = (SELECT min(version_at) FROM ops.landing_files), header FROM ops.landing_files ORDER BY 1"
    )
    assert [(path.startswith("quarantine of "), read, same) for path, read, same, _ in entries] == [
        (False, 2, True), (True, 1, True)
    ]  # fmt: skip
    assert entries[0][3] == entries[1][3] == HEAD.split(",")


def test_a_replayed_line_joins_its_order_and_does_not_replace_a_newer_version(
    shelf: Shelf, rows: Any, conn: psycopg.Connection
) -> None:
    shelf.take(
        "1,p1,2,3.50,2017-12-01T10:00:00,c1",
        "1,p2,two,1.00,2017-12-01T10:00:00,c1",
        "2,p1,two,1.00,2017-12-01T10:00:00,c1",
        state="passed",
    )
    shelf.take("2,p9,5,1.00,2017-12-01T10:00:00,c1", day="2017-12-03", state="passed")
    build_core(conn, clock=shelf.clock, shop=SHOP)
    conn.commit()
    orders = "SELECT external_id, line_count, revenue FROM core.orders ORDER BY 1"
    assert rows(orders) == [("1", 1, Decimal("3.50")), ("2", 1, 1)]
    done = shelf.replay(repairs={"Qty": "2"})
    assert done.load_id is not None
    with connect(shelf.dsn, "loader") as loader:
        assert judge(loader, url(shelf.dsn), done.load_id, source=shelf.source(), clock=shelf.clock, docs=None).passed
    build_core(conn, clock=shelf.clock, shop=SHOP)
    conn.commit()
    assert rows(orders) == [("1", 2, Decimal("4.50")), ("2", 1, 1)]


def test_the_selection_narrows_what_is_read(shelf: Shelf) -> None:
    first = shelf.take(GOOD, TWO, "4,p1,1,1,never,c4")
    second = shelf.take(MANY, day="2017-12-03")
    today = shelf.clock.day_of(shelf.clock.now())
    day = dt.timedelta(days=1)

    def looked_at(**chosen: Any) -> int:
        return shelf.replay(selection=Selection(**chosen), dry_run=True).looked_at

    assert looked_at() == 3
    assert looked_at(reason="QUANTITY") == 2
    assert looked_at(reason="%") == 0
    assert looked_at(load_id=first) == 2
    assert looked_at(load_id=second, numbers=(1,)) == 1
    assert looked_at(numbers=(2, 3)) == 2
    assert looked_at(day_from=today, day_to=today) == 3
    assert looked_at(day_from=today + day) == 0
    assert looked_at(day_to=today - day) == 0


def test_a_dry_run_says_what_would_arrive_and_changes_nothing_but_the_audit(shelf: Shelf, rows: Any) -> None:
    shelf.take(GOOD, TWO, MANY)
    everything = (
        "SELECT (SELECT array_agg(q::text) FROM ops.quarantine q), (SELECT array_agg(l::text) FROM ops.loads l)"
    )
    before = rows(everything)
    done = shelf.replay(selection=Selection(numbers=(2,)), repairs={"Qty": "2"}, dry_run=True)
    assert (done.load_id, done.arrived, done.waiting) == (None, 1, 0)
    assert rows(everything) == before
    assert len(rows(LINES)) == 1


def test_who_had_payloads_read_is_written_down(shelf: Shelf, rows: Any) -> None:
    shelf.take(GOOD, TWO)
    shelf.replay(dry_run=True)
    shelf.replay(actor="airflow")
    assert rows("SELECT actor, action, object, records FROM privacy.audit_log ORDER BY audit_id") == [
        ("maria", "replay_quarantine, dry run", "ops.quarantine of flat_export", 1),
        ("airflow", "replay_quarantine", "ops.quarantine of flat_export", 1),
    ]


def test_rows_that_are_no_rows_and_those_of_refused_loads_are_counted_and_left(shelf: Shelf, rows: Any) -> None:
    shelf.take(GOOD, TWO, "5,too,few", '6,"open')
    shelf.take(MANY, day="2017-12-03", state="refused")
    done = shelf.replay(repairs={"Qty": "2"})
    assert done.arrived == 1
    assert done.unreadable >= 1
    assert done.held == 1
    assert rows("SELECT count(*) FROM ops.quarantine WHERE replayed_load_id IS NOT NULL") == [(1,)]


def test_a_source_file_that_wants_columns_which_the_rows_never_had_is_a_reason(shelf: Shelf, rows: Any) -> None:
    shelf.take(GOOD, TWO)
    done = shelf.replay(shelf.source("Amount"))
    assert (done.arrived, done.waiting) == (0, 1)
    ((number, reason, column),) = rows(WAITING)
    assert (number, column) == (2, None)
    assert reason.startswith("the header lacks the columns Amount")


def test_a_repair_of_an_unknown_column_is_refused_with_the_nearest_one(shelf: Shelf) -> None:
    with pytest.raises(ConfigurationError, match="uses no column 'qty'; did you mean 'Qty'"):
        shelf.replay(repairs={"qty": "1"})


def test_a_column_that_was_not_used_then_is_not_taken_for_absent(shelf: Shelf, rows: Any) -> None:
    text = (
        "title: A shop's export\nowner: tests\nschedule: null\nfrom: {folder: flat}\nformat: {type: jsonl}\nunused: any\n"
        "records: {orders: {columns: {order_id: id, product_id: p, quantity: q, amount: a, currency: {constant: USD},"
        " ordered_at: tMORE}}}\n"
    )
    path = shelf.folder / "flat_lines.yaml"
    path.write_text(text.replace("MORE", ""))
    line = '{"id": "o1", "cust": "c9", "p": "p1", "q": "1", "a": "x10", "t": "2017-12-01T10:00:00Z"}\n'
    shelf.take(line, source=load_source(path))
    path.write_text(text.replace("MORE", ", customer_id: cust"))
    done = shelf.replay(load_source(path), repairs={"a": "10"})
    assert (done.arrived, done.waiting) == (0, 1)
    _, (number, reason, column) = rows(WAITING)  # the shelf's first line is no JSON, and waits as it is
    assert (number, reason, column) == (2, "the header lacks the columns cust", None)
    done = shelf.replay(load_source(path), repairs={"a": "10", "cust": "c9"})  # whoever knows better may say it
    assert done.arrived == 1
    assert rows("SELECT customer_ref FROM raw.order_lines") == [("c9",)]


@pytest.mark.parametrize("text", ["x", "[]", '{"a": {}}', '{"a": true}'])
def test_repairs_are_a_json_object_of_texts(text: str) -> None:
    with pytest.raises(ConfigurationError, match="the repairs are not"):
        read_repairs(text)


def test_repairs_may_be_numbers_and_null() -> None:
    assert read_repairs('{"a": 1.5, "b": null, "c": "x"}') == {"a": "1.5", "b": None, "c": "x"}
    assert read_repairs("") == {}


def test_two_replays_at_once_load_each_row_once(shelf: Shelf, rows: Any) -> None:
    shelf.take(GOOD, *(TWO.replace("2,", f"{n},", 1) for n in range(2, 400)))
    source = shelf.source()
    with ThreadPoolExecutor(3) as pool:
        done = list(pool.map(lambda _: shelf.replay(source, repairs={"Qty": "2"}), range(3)))
    assert sorted(d.arrived for d in done) == [0, 0, 398]
    assert rows("SELECT count(*), count(DISTINCT record_no) FROM raw.order_lines") == [(399, 399)]


def test_many_rows_come_in_pieces_of_one_load(shelf: Shelf, rows: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("marketflow.sources.places.quarantine._ROWS", 7)
    shelf.take(GOOD, *(TWO.replace("2,", f"{n},", 1) for n in range(2, 32)))
    done = shelf.replay(repairs={"Qty": "2"})
    assert done.arrived == 30
    assert rows("SELECT files, records_read, records_loaded FROM ops.loads WHERE kind = 'replay'") == [(5, 30, 30)]
    assert rows("SELECT count(*), count(DISTINCT record_no) FROM raw.order_lines") == [(31, 31)]


def test_after_a_crash_between_two_pieces_the_next_run_goes_on(
    shelf: Shelf, rows: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from marketflow.sources import replay as module

    monkeypatch.setattr("marketflow.sources.places.quarantine._ROWS", 7)
    shelf.take(GOOD, *(TWO.replace("2,", f"{n},", 1) for n in range(2, 32)))
    calls, real = [], module.copy_portion

    def dies(conn: psycopg.Connection, portion: Any) -> None:
        calls.append(1)
        real(conn, portion)
        if len(calls) == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr(module, "copy_portion", dies)
    with pytest.raises(KeyboardInterrupt):
        shelf.replay(repairs={"Qty": "2"})
    assert rows("SELECT count(*) FROM raw.order_lines") == [(15,)]
    done = shelf.replay(repairs={"Qty": "2"})
    assert done.arrived == 16
    assert rows("SELECT count(*), count(DISTINCT record_no) FROM raw.order_lines") == [(31, 31)]
    assert rows("SELECT state, records_read FROM ops.loads WHERE kind = 'replay'") == [("loaded", 30)]


def test_neither_the_log_nor_an_error_shows_a_row(shelf: Shelf, caplog: pytest.LogCaptureFixture) -> None:
    shelf.take(GOOD, "2,p1,Quackenbush,3.50,2017-12-01T10:00:00,c2")
    with caplog.at_level(logging.DEBUG):
        done = shelf.replay(repairs={"Price": "x"})
    assert "Quackenbush" not in caplog.text
    assert "Quackenbush" not in repr(done)
