"""Files are taken in once, by several runs at a time, and through the death of any of them."""

# ruff: noqa: TID253 - Arrow is what is copied

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import psycopg
import pyarrow as pa
import pytest

from conftest import ROOT
from landing_files import as_csv, write
from marketflow.privacy import KeyRing, generate_key_ring
from marketflow.shared import Clock, SourceError
from marketflow.sources import Source, take_in
from marketflow.sources.copying import copy_portion
from marketflow.sources.manifest import Books
from marketflow.sources.mapping import Judged, Mapper, Part, Portion
from marketflow.sources.places.folder import FolderPlace
from marketflow.sources.places.item import Fingerprint
from marketflow.warehouse import connect

from .conftest import SHOP, Rows, Take, Write

TAKE = """
import datetime as dt, sys
from pathlib import Path
from zoneinfo import ZoneInfo
from marketflow.privacy import KeyRing
from marketflow.shared import Clock, settings
from marketflow.sources import load_sources, take_in
from marketflow.sources.places.folder import FolderPlace
from marketflow.sources.places.item import Fingerprint
from marketflow.warehouse import connect
dsn, landing, keys = sys.argv[1:]
clock = Clock(time_zone=ZoneInfo("America/New_York"), pinned_day=dt.date(2017, 12, 31))
with connect(dsn, "loader") as conn:
    print("ready", flush=True)
    sys.stdin.readline()
    (source,) = [s for s in load_sources() if s.name == "orders"]
    place = FolderPlace(source, Path(landing))
    s = take_in(conn, source, place, keys=KeyRing.from_json(keys), clock=clock, shop=settings().shop())
    print(s.load_id, s.read, s.loaded, s.quarantined)
"""
CONTENT = (
    "SELECT f.path, l.record_no, l.order_ref, l.quantity, l.ordered_at FROM raw.order_lines AS l"
    " JOIN ops.landing_files AS f USING (file_id) ORDER BY 1, 2"
)
QUARANTINED = (
    "SELECT f.path, q.record_no, q.reason FROM ops.quarantine AS q"
    " JOIN ops.landing_files AS f USING (file_id) ORDER BY 1, 2"
)


def start_take(dsn: str, landing: Path) -> subprocess.Popen[str]:
    """A process that takes the orders in as soon as it gets a line; in a session of its own, so that it dies alone."""
    process = subprocess.Popen(
        [sys.executable, "-c", TAKE, dsn, str(landing), generate_key_ring()],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True,
        env={**os.environ, "PYTHONPATH": str(ROOT / "include")},
    )  # fmt: skip
    assert process.stdout
    assert process.stdout.readline() == "ready\n"
    return process


def go(process: subprocess.Popen[str]) -> None:
    assert process.stdin
    process.stdin.write("\n")
    process.stdin.flush()


def many_files(landing: Path, files: int, lines: int, *, plain: bool = False) -> None:
    """Files of which every tenth has a bad row; plain ones have none and are long, so that they go in batches."""
    for n in range(files):
        good = [{"order_id": f"o{n}-{i}"} for i in range(lines * 20 if plain else lines)]
        bad = [{"quantity": "-1"}, {"order_id": 'a "quote"'}] if n % 10 == 0 and not plain else []
        write(landing, f"orders/{n:04}.csv", as_csv("orders", *good, *bad))


def test_the_same_content_is_taken_in_once_under_any_name_and_the_others_are_told(
    landing: Path, take: Take, rows: Rows
) -> None:
    write(landing, "orders/a.csv", as_csv("orders", {}))
    write(landing, "orders/b.csv", as_csv("orders", {}))
    first = take("orders")
    assert (first.files, first.repeated_files) == (1, 1)
    assert take("orders").load_id is None  # told once
    write(landing, "orders/c.csv", as_csv("orders", {}))
    assert (take("orders").repeated_files, take("orders").load_id) == (1, None)
    assert rows("SELECT count(*) FROM raw.order_lines") == [(1,)]
    assert rows("SELECT path, state, reason, records_read FROM ops.landing_files ORDER BY 1") == [
        ("orders/a.csv", "loaded", None, 1),
        ("orders/b.csv", "repeated", "same content as orders/a.csv", 0),
        ("orders/c.csv", "repeated", "same content as orders/a.csv", 0),
    ]
    assert rows("SELECT state, reason FROM ops.loads ORDER BY 1") == [
        ("loaded", None),
        ("refused", "nothing new: 1 files have the content of earlier ones"),
    ]


def test_a_file_that_says_again_what_it_said_before_is_told(landing: Path, take: Take, rows: Rows) -> None:
    for amount in ("1.00", "2.00", "1.00"):
        write(landing, "orders/a.csv", as_csv("orders", {"amount": amount}))
        last = take("orders")
    assert (last.files, last.repeated_files) == (0, 1)
    assert take("orders").load_id is None
    assert rows("SELECT state, reason FROM ops.landing_files ORDER BY file_id") == [
        ("loaded", None),
        ("loaded", None),
        ("repeated", "same content as orders/a.csv"),
    ]


def test_a_dated_file_that_says_what_an_earlier_one_said_counts_for_its_day(
    landing: Path, take: Take, rows: Rows, source: Write
) -> None:
    text = "from: {folder: flat, files: '*.csv', dated: 'p-%Y-%m-%d.csv'}\ntime_zone: UTC\nrecords: {products: {}}\n"
    snapshots = source("snapshots", text)
    for day, brand in ((18, "A"), (19, "B"), (20, "A")):
        write(landing, f"flat/p-2017-11-{day}.csv", as_csv("products", {"brand": brand}))
        assert take(snapshots).loaded == 1
    assert take(snapshots).load_id is None
    assert rows("SELECT brand, version_at::date::text FROM raw.products ORDER BY version_at") == [
        ("A", "2017-11-18"),
        ("B", "2017-11-19"),
        ("A", "2017-11-20"),
    ]


def test_a_file_with_a_day_that_nothing_can_hold_stops_no_other(
    landing: Path, take: Take, rows: Rows, source: Write
) -> None:
    text = "from: {folder: flat, files: '*.csv', dated: 'p-%Y-%m-%d.csv'}\nrecords: {products: {}}\n"
    for name in ("p-0001-01-01", "p-2017-11-18", "p-9999-12-31", "p-never"):
        write(landing, f"flat/{name}.csv", as_csv("products", {"brand": name}))
    assert take(source("snapshots", f"time_zone: Asia/Tokyo\n{text}")).still_refused == 0
    assert take(source("snapshots", f"time_zone: Asia/Tokyo\n{text}")).load_id is None
    assert ("p-2017-11-18",) in rows("SELECT brand FROM raw.products")
    assert ("flat/p-never.csv", "the file's name is not of the form p-%Y-%m-%d.csv") in rows(
        "SELECT path, reason FROM ops.landing_files WHERE state = 'refused'"
    )


def test_a_corrected_file_is_a_new_file_with_a_higher_id(landing: Path, take: Take, rows: Rows) -> None:
    write(landing, "orders/a.csv", as_csv("orders", {"quantity": "1"}))
    first = take("orders")
    write(landing, "orders/a.csv", as_csv("orders", {"quantity": "2"}))
    second = take("orders")
    assert second.load_id != first.load_id
    assert rows("SELECT quantity::int FROM raw.order_lines ORDER BY file_id") == [(1,), (2,)]


def test_one_load_takes_many_files(landing: Path, take: Take, rows: Rows) -> None:
    many_files(landing, 25, 4)
    summary = take("orders")
    assert (summary.files, summary.read, summary.loaded, summary.quarantined) == (25, 106, 103, 3)
    assert rows("SELECT count(*) FROM ops.loads") == [(1,)]


@pytest.mark.parametrize("plain", [False, True])
def test_two_runs_at_a_time_share_the_files(warehouse_dsn: str, landing: Path, rows: Rows, plain: bool) -> None:
    many_files(landing, 60, 50, plain=plain)
    runs = [start_take(warehouse_dsn, landing) for _ in range(2)]
    for run in runs:
        go(run)
    for run in runs:
        run.communicate(timeout=60)
        assert run.returncode == 0
    read, bad = (60_000, 0) if plain else (3_012, 6)
    assert rows("SELECT count(*), count(DISTINCT order_ref) FROM raw.order_lines") == [
        (read - bad, 60_000 if plain else 3_001)
    ]
    assert rows("SELECT count(*), sum(records_read) FROM ops.landing_files") == [(60, read)]
    assert rows("SELECT sum(records_read), bool_and(state = 'loaded') FROM ops.loads") == [(read, True)]
    assert rows("SELECT count(*) FROM ops.quarantine") == [(bad,)]


@pytest.mark.parametrize(("after", "plain"), [(1, False), (20, False), (60, False), (1, True), (30, True)])
def test_a_killed_run_is_finished_by_the_next_one(
    *, warehouse_dsn: str, landing: Path, take: Take, rows: Rows, after: int, plain: bool
) -> None:
    many_files(landing, 80, 100, plain=plain)
    run = start_take(warehouse_dsn, landing)
    go(run)
    while rows("SELECT count(*) FROM ops.landing_files")[0][0] < after:
        assert run.poll() is None
    os.kill(run.pid, signal.SIGKILL)
    run.communicate()
    _wait_for_the_backend_to_go(rows)
    taken = rows("SELECT count(*) FROM ops.landing_files")[0][0]
    assert after <= taken < 80
    summary = take("orders")
    assert (summary.files, summary.read, summary.quarantined) == ((80, 160_000, 0) if plain else (80, 8_016, 8))
    assert rows("SELECT count(*), min(state) FROM ops.loads") == [(1, "loaded")]
    interrupted = rows(CONTENT), rows(QUARANTINED)
    assert interrupted == _clean_run(warehouse_dsn, take, rows)


def _clean_run(dsn: str, take: Take, rows: Rows) -> tuple[object, object]:
    with psycopg.connect(dsn) as owner:
        owner.execute("TRUNCATE raw.orders, ops.loads, ops.landing_files, ops.quarantine CASCADE")
    assert take("orders").files == 80
    return rows(CONTENT), rows(QUARANTINED)


def _wait_for_the_backend_to_go(rows: Rows) -> None:
    while rows("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()") != [(1,)]:
        pass


def test_a_load_is_taken_over_from_the_dead_and_not_from_the_living(
    warehouse_dsn: str, loader: psycopg.Connection, clock: Clock, demo: dict[str, Source]
) -> None:
    with connect(warehouse_dsn, "loader") as living:
        mine = Books(living, demo["orders"], clock).begin()
        assert Books(loader, demo["orders"], clock).load_id is None
    while Books(loader, demo["orders"], clock).load_id != mine:
        pass  # until the server has noticed that the session is gone


def test_a_load_that_is_closed_while_another_run_looks_for_the_dead_stays_closed(
    *, warehouse_dsn: str, landing: Path, loader: psycopg.Connection, clock: Clock, demo: dict[str, Source],
    take: Take, rows: Rows, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    real = Books._lock
    with connect(warehouse_dsn, "loader") as living:
        mine = Books(living, demo["orders"], clock)
        mine.begin()
        mine.refuse("orders/x.csv", Fingerprint(checksum=b"x" * 32, size=1), "empty")

        def slow(self: Books, load_id: int) -> bool:
            if mine.load_id is not None:  # it was found just now, and is closed before it is locked
                mine.finish()
                living.execute("UPDATE ops.loads SET state = 'merged'")
                living.commit()
            return real(self, load_id)

        monkeypatch.setattr(Books, "_lock", slow)
        assert Books(loader, demo["orders"], clock).load_id is None
    assert rows("SELECT state FROM ops.loads") == [("merged",)]
    assert rows("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'") == [(0,)]
    write(landing, "orders/a.csv", as_csv("orders", {}))
    assert take("orders").load_id == 2
    assert rows("SELECT state FROM ops.loads ORDER BY load_id") == [("merged",), ("loaded",)]


def test_a_load_that_is_closed_is_not_closed_again(
    *, loader: psycopg.Connection, clock: Clock, demo: dict[str, Source], rows: Rows
) -> None:
    books = Books(loader, demo["orders"], clock)
    load_id = books.begin()
    books.refuse("orders/x.csv", Fingerprint(checksum=b"x" * 32, size=1), "empty")
    assert books.finish().load_id == load_id
    loader.execute("UPDATE ops.loads SET state = 'merged'")
    loader.commit()
    books.load_id = load_id
    assert books.finish().load_id is None
    assert rows("SELECT state FROM ops.loads") == [("merged",)]


def test_rows_that_postgresql_does_not_take_keep_their_file_out_and_no_other(
    *, landing: Path, take: Take, monkeypatch: pytest.MonkeyPatch, rows: Rows, caplog: pytest.LogCaptureFixture
) -> None:
    for name in "abc":
        write(landing, f"customers/{name}.csv", as_csv("customers", {"customer_id": name}))
    real = Mapper.portion

    def spoil_one(self: Mapper, judged: Judged) -> Portion:
        portion = real(self, judged)
        if "b" in judged.rows["customer_id"].to_pylist():
            words = pa.table({"customer_ref": ["ottoline.quackenbush@example.com\0"]})
            portion.copies["customers"] = words  # text in PostgreSQL holds no NUL
        return portion

    monkeypatch.setattr(Mapper, "portion", spoil_one)
    summary = take("customers")
    assert (summary.files, summary.refused_files, summary.loaded) == (2, 1, 2)
    ((reason,),) = rows("SELECT reason FROM ops.landing_files WHERE path = 'customers/b.csv' AND state = 'refused'")
    assert reason.startswith("the rows cannot be stored: PostgreSQL reported CharacterNotInRepertoire (22021)")
    assert "quackenbush" not in reason + caplog.text
    monkeypatch.undo()
    assert take("customers").loaded == 1  # when it can be stored, it is


def test_a_database_that_fails_ends_the_run_and_shows_no_data(
    *, landing: Path, loader: psycopg.Connection, keys: KeyRing, clock: Clock, monkeypatch: pytest.MonkeyPatch,
    rows: Rows, demo: dict[str, Source],
) -> None:  # fmt: skip
    write(landing, "customers/a.csv", as_csv("customers", {}))
    write(landing, "customers/b.csv", as_csv("customers", {"customer_id": "c2"}))
    place, calls = FolderPlace(demo["customers"], landing), []

    def fail_after_the_first(conn: psycopg.Connection, portion: Portion) -> None:
        copy_portion(conn, portion)
        calls.append(portion)
        if len(calls) in (1, 3):  # in the batch, and with the second file by itself
            conn.execute("SELECT 'ottoline.quackenbush@example.com' FROM raw.nothing_here")

    monkeypatch.setattr("marketflow.sources.load.copy_portion", fail_after_the_first)
    with pytest.raises(SourceError) as caught:
        take_in(loader, demo["customers"], place, keys=keys, clock=clock, shop=SHOP)
    assert str(caught.value).startswith("customers/b.csv: PostgreSQL reported UndefinedTable (42P01)")
    assert "quackenbush" not in _all_words(caught.value)
    assert rows("SELECT path FROM ops.landing_files") == [("customers/a.csv",)]
    assert rows("SELECT state FROM ops.loads") == [("loading",)]
    monkeypatch.undo()
    assert take_in(loader, demo["customers"], place, keys=keys, clock=clock, shop=SHOP).files == 2
    assert rows("SELECT state, records_read FROM ops.loads") == [("loaded", 2)]


def test_an_error_in_the_thread_comes_out_and_leaves_nothing(
    landing: Path, take: Take, rows: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(landing, "orders/a.csv", as_csv("orders", {}))

    def fail(*_: object) -> Judged:
        raise MemoryError

    monkeypatch.setattr(Mapper, "judge", fail)
    with pytest.raises(MemoryError):
        take("orders")
    assert rows("SELECT count(*) FROM ops.landing_files") == [(0,)]
    monkeypatch.undo()
    assert take("orders").loaded == 1


def _all_words(error: BaseException | None) -> str:
    words = ""
    while error is not None:
        words += repr(error)
        error = error.__cause__ or error.__context__
    return words


def test_what_the_caller_had_open_is_committed_and_the_role_stays(
    warehouse_dsn: str, landing: Path, keys: KeyRing, clock: Clock, demo: dict[str, Source]
) -> None:
    write(landing, "orders/a.csv", as_csv("orders", {}))
    with connect(warehouse_dsn, "loader") as conn:
        place = FolderPlace(demo["orders"], landing)
        take_in(conn, demo["orders"], place, keys=keys, clock=clock, shop=SHOP)
        assert conn.execute("SELECT current_user").fetchone() == ("marketflow_loader",)
        assert conn.execute("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'").fetchone() == (0,)


def test_a_file_that_is_written_to_meanwhile_waits_for_the_next_run(
    landing: Path, take: Take, rows: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(landing, "orders/a.csv", as_csv("orders", {}))
    real = Mapper.judge

    def append(self: Mapper, load_id: int, parts: list[Part]) -> Judged:
        with path.open("ab") as out:
            out.write(as_csv("orders", {"order_id": "late"}).split(b"\n", 1)[1])
        return real(self, load_id, parts)

    monkeypatch.setattr(Mapper, "judge", append)
    assert take("orders").load_id is None
    assert rows("SELECT count(*) FROM raw.order_lines") == [(0,)]
    monkeypatch.undo()
    assert take("orders").loaded == 2
