"""Rows of real servers, PostgreSQL and MariaDB: each window once, nothing skipped, whatever is late or interrupted."""

from __future__ import annotations

import datetime as dt
import itertools
import re
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import psycopg
import pytest
import sqlalchemy as sa

import mariadb_server
from conftest import ROOT, SCRATCH, free_port
from marketflow.embedded.postgres import Server
from marketflow.privacy import KeyRing
from marketflow.shared import Clock, SourceError
from marketflow.sources import LoadSummary, Source, take_in
from marketflow.sources.places import from_environment, place_of, result
from marketflow.sources.places.access import engine_of
from marketflow.warehouse import connect
from needed_programs import require

from .conftest import SHOP, Rows, Write

_numbers = itertools.count()
CLOCK = Clock(time_zone=ZoneInfo("UTC"))
COLUMNS = """
time_zone: UTC
records:
  products:
    columns: {product_id: id, product_name: name, list_price: price, category: facts, updated_at: changed_at}
"""
TABLE = "from: {sql: {connection: shop_db, table: products, watermark: changed_at, lag_seconds: 1}}\n"
QUERY = """from:
  sql:
    connection: shop_db
    query: SELECT p.*, 'a:b' AS extra FROM products p WHERE changed_at > :since AND changed_at <= :until -- done
    watermark: changed_at
    lag_seconds: 1
unused: [extra]
"""
STORED = (
    "SELECT product_ref, product_name, list_price::text, category, version_at FROM raw.products ORDER BY load_id, 1"
)
AT = dt.datetime(2026, 7, 1, 9, 0, tzinfo=dt.UTC)


@dataclass(frozen=True)
class Shop:
    """A shop's database: what it is, a way to change it, and the type of a time with and without a zone."""

    name: str
    engine: sa.Engine
    instant: str
    wall: str

    def run(self, *statements: str, **values: Any) -> None:
        with self.engine.begin() as conn:
            for statement in statements:
                conn.execute(sa.text(statement), values)

    def create(self, kind: str) -> None:
        self.run(
            "DROP TABLE IF EXISTS products",
            f"CREATE TABLE products (id integer, name varchar(100), price decimal(10, 2), facts varchar(50), changed_at {kind})",
        )

    def put(self, number: int, at: str | None, name: str = "thing") -> None:
        self.run("INSERT INTO products VALUES (:id, :name, 12.50, NULL, :at)", id=number, name=name, at=at)


@pytest.fixture(scope="session")
def mariadb() -> Iterator[str]:
    require(mariadb_server.PACKAGE, *mariadb_server.PROGRAMS)
    with mariadb_server.running(SCRATCH / "mariadb", free_port()) as uri:
        yield uri


@pytest.fixture(params=["postgresql", "mariadb"])
def shop(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, pg_server: Server) -> Shop:
    if request.param == "mariadb":
        monkeypatch.setenv("AIRFLOW_CONN_SHOP_DB", request.getfixturevalue("mariadb"))
        found = Shop("mariadb", engine_of(from_environment("shop_db")), "timestamp(6) NULL", "datetime NULL")
    else:
        name = f"shop_{next(_numbers)}"
        with psycopg.connect(pg_server.dsn(), autocommit=True) as admin:
            admin.execute(f"CREATE DATABASE {name}")
        monkeypatch.setenv("AIRFLOW_CONN_SHOP_DB", pg_server.dsn().rpartition("/")[0] + f"/{name}")
        found = Shop("postgresql", engine_of(from_environment("shop_db")), "timestamptz", "timestamp(0)")
    found.create(found.wall)
    return found


Load = Callable[..., LoadSummary]


@pytest.fixture
def load(loader: psycopg.Connection, keys: KeyRing, tmp_path: Path) -> Load:
    """Take in what has changed; `now` is our clock's."""

    def run(source: Source, *, now: dt.datetime | None = None, conn: psycopg.Connection | None = None) -> LoadSummary:
        clock = CLOCK if now is None else Clock(time_zone=ZoneInfo("UTC"), offset=now - CLOCK.now())
        place = place_of(source, conn=conn or loader, landing=tmp_path, clock=clock)
        return take_in(conn or loader, source, place, keys=keys, clock=clock, shop=SHOP)

    return run


@pytest.mark.parametrize("text", [TABLE, QUERY], ids=["table", "query"])
def test_each_window_once(shop: Shop, load: Load, rows: Rows, source: Write, text: str) -> None:
    products = source("shop_products", text + COLUMNS)
    shop.put(1, "2026-07-01 09:00:00", "Böll 🎉")
    shop.put(2, "2026-07-01 09:00:00")
    first = load(products, now=AT + dt.timedelta(seconds=2))
    assert (first.files, first.read, first.loaded) == (1, 2, 2)
    assert rows(STORED) == [("1", "Böll 🎉", "12.50", None, AT), ("2", "thing", "12.50", None, AT)]
    assert load(products, now=AT + dt.timedelta(minutes=1)).load_id is None  # nothing has changed
    # changed later: the same key again, in a window that begins where the last one with rows ended
    shop.run("UPDATE products SET price = 13, changed_at = '2026-07-01 09:00:30' WHERE id = 2")
    assert load(products, now=AT + dt.timedelta(minutes=2)).loaded == 1
    assert rows(STORED)[2:] == [("2", "thing", "13.00", None, AT + dt.timedelta(seconds=30))]
    assert rows("SELECT path, bytes, window_from, window_until FROM ops.landing_files ORDER BY file_id") == [
        ("shop_products/the beginning .. 2026-07-01T09:00:01Z", 0, None, AT + dt.timedelta(seconds=1)),
        (
            "shop_products/2026-07-01T09:00:01Z .. 2026-07-01T09:01:59Z", 0,
            AT + dt.timedelta(seconds=1), AT + dt.timedelta(seconds=119),
        ),
    ]  # fmt: skip
    assert rows("SELECT kind FROM ops.loads") == [("window",), ("window",)]


def test_a_row_at_the_bound_comes_once(shop: Shop, load: Load, rows: Rows, source: Write) -> None:
    products = source("shop_products", TABLE + COLUMNS)
    shop.put(1, "2026-07-01 09:00:00")
    load(products, now=AT + dt.timedelta(seconds=1))  # the window ends at AT
    shop.put(2, "2026-07-01 09:00:01")
    assert load(products, now=AT + dt.timedelta(seconds=2)).loaded == 1
    assert load(products, now=AT + dt.timedelta(seconds=3)).load_id is None
    assert [number for number, *_ in rows(STORED)] == ["1", "2"]


def test_a_change_that_is_committed_within_the_lag_arrives(shop: Shop, load: Load, rows: Rows, source: Write) -> None:
    products = source("shop_products", TABLE.replace("lag_seconds: 1", "lag_seconds: 60") + COLUMNS)
    shop.put(1, "2026-07-01 08:00:00")
    with shop.engine.connect() as late:
        late.execute(sa.text("INSERT INTO products VALUES (2, 'late', 1, NULL, '2026-07-01 09:00:00')"))
        load(products, now=AT + dt.timedelta(seconds=59))  # its window ends a second before the row's time
        late.commit()
    assert load(products, now=AT + dt.timedelta(seconds=61)).loaded == 1
    assert [number for number, *_ in rows(STORED)] == ["1", "2"]


def test_the_lag_is_counted_from_the_servers_clock_when_ours_is_ahead(shop: Shop, load: Load, source: Write) -> None:
    products = source("shop_products", TABLE + COLUMNS)
    shop.put(1, "2026-07-01 08:00:00")
    ahead = CLOCK.now() + dt.timedelta(hours=2)
    shop.put(2, (CLOCK.now() + dt.timedelta(hours=1)).strftime("%Y-%m-%d %H:%M:%S"))
    assert load(products, now=ahead).loaded == 1


def test_a_row_without_a_time_comes_with_the_first_window(shop: Shop, load: Load, rows: Rows, source: Write) -> None:
    products = source("shop_products", TABLE + COLUMNS)
    shop.put(1, None)
    shop.put(2, "2026-07-01 08:00:00")
    assert load(products, now=AT).loaded == 2
    assert load(products, now=AT + dt.timedelta(hours=1)).load_id is None
    until = AT - dt.timedelta(seconds=1)
    assert rows(STORED)[0] == ("1", "thing", "12.50", None, until)  # as of the window's end


@pytest.mark.parametrize("with_zone", [True, False], ids=["instants", "wall clock"])
def test_no_row_is_skipped_when_the_clocks_go_back(
    *, shop: Shop, load: Load, rows: Rows, source: Write, with_zone: bool
) -> None:
    shop.create(shop.instant if with_zone else shop.wall)
    products = source("shop_products", f"{TABLE}{COLUMNS.replace('UTC', 'Europe/London')}")
    london, begin = ZoneInfo("Europe/London"), dt.datetime(2026, 10, 25, 0, 0, tzinfo=dt.UTC)
    for minute in range(0, 150, 10):  # one row each ten minutes, loaded each ten minutes
        at = begin + dt.timedelta(minutes=minute)
        wall = at if with_zone and shop.name == "mariadb" else at.astimezone(london)
        zone = "+00" if with_zone and shop.name == "postgresql" else ""
        shown = (at if with_zone else wall).strftime("%Y-%m-%d %H:%M:%S") + zone
        with shop.engine.begin() as conn:
            if shop.name == "mariadb":
                conn.execute(sa.text("SET SESSION time_zone = '+00:00'"))
            conn.execute(sa.text("INSERT INTO products VALUES (:id, 'x', 1, NULL, :at)"), {"id": minute, "at": shown})
        load(products, now=at + dt.timedelta(minutes=1))
    found = {int(number) for (number,) in rows("SELECT DISTINCT product_ref FROM raw.products")}
    assert found == set(range(0, 150, 10))
    if with_zone:
        assert rows("SELECT count(*) FROM raw.products") == [(15,)]


def test_types_become_texts(shop: Shop, load: Load, rows: Rows, source: Write) -> None:
    kinds = {"postgresql": ("float8", "boolean", "jsonb"), "mariadb": ("double", "boolean", "json")}[shop.name]
    shop.run(
        "DROP TABLE products",
        f"CREATE TABLE products (id bigint, name {kinds[0]}, price decimal(12, 2), facts {kinds[2]}, ok {kinds[1]},"
        f" day date, changed_at {shop.instant})",
    )
    shop.run(
        "INSERT INTO products VALUES (9223372036854775807, 1e20, 99999998.10, :facts, true, '2026-06-30',"
        " '2026-07-01 08:00:00.25')", facts='{"a": [1, 2]}',
    )  # fmt: skip
    columns = COLUMNS.replace("category: facts", "category: facts, department: ok, brand: day")
    assert load(source("shop_products", TABLE + columns), now=AT).loaded == 1
    ((number, name, price, facts, at, ok, day),) = rows(STORED.replace(" FROM", ", department, brand FROM"))
    assert (number, name, price, at) == (
        "9223372036854775807",
        "1" + "0" * 20,
        "99999998.10",
        AT - dt.timedelta(minutes=59, seconds=59.75),
    )
    assert (facts, ok, day) == ('{"a": [1, 2]}', "true" if shop.name == "postgresql" else "1", "2026-06-30")


def test_a_bad_row_goes_to_quarantine_and_its_neighbours_arrive(
    shop: Shop, load: Load, rows: Rows, source: Write
) -> None:
    products = source("shop_products", TABLE + COLUMNS)
    for number, name in enumerate(["good", "x" * 50, "good"]):
        shop.put(number, "2026-07-01 08:00:00", name)
    shop.run("UPDATE products SET price = -1 WHERE id = 1")
    summary = load(products, now=AT)
    assert (summary.read, summary.loaded, summary.quarantined) == (3, 2, 1)
    assert rows("SELECT reason, column_name FROM ops.quarantine") == [("negative list_price", "list_price")]
    assert [number for number, *_ in rows(STORED)] == ["0", "2"]


def test_the_zone_of_the_warehouse_does_not_move_the_bounds(
    *, shop: Shop, load: Load, rows: Rows, source: Write, loader: psycopg.Connection
) -> None:
    shop.create(shop.instant)
    products = source("shop_products", TABLE + COLUMNS)
    loader.execute("SET TIME ZONE 'Europe/Berlin'")
    loader.commit()
    zone = "+00" if shop.name == "postgresql" else ""
    for number, minute in enumerate((0, 30, 90)):
        with shop.engine.begin() as conn:
            if shop.name == "mariadb":
                conn.execute(sa.text("SET SESSION time_zone = '+00:00'"))
            at = f"2026-07-01 {9 + minute // 60:02}:{minute % 60:02}:00{zone}"
            conn.execute(sa.text("INSERT INTO products VALUES (:id, 'x', 1, NULL, :at)"), {"id": number, "at": at})
        assert load(products, now=AT + dt.timedelta(minutes=minute + 5)).loaded == 1
    assert [number for number, *_ in rows(STORED)] == ["0", "1", "2"]


@pytest.mark.parametrize("with_zone", [True, False], ids=["instants", "wall clock"])
def test_rows_that_no_window_has_are_counted(
    *, shop: Shop, load: Load, source: Write, with_zone: bool, caplog: pytest.LogCaptureFixture
) -> None:
    shop.create(shop.instant if with_zone else shop.wall)
    products = source("shop_products", TABLE + COLUMNS)
    shop.put(1, "2026-07-01 08:00:00")
    load(products, now=AT)
    assert "watermark" not in caplog.text
    odd = ["infinity", "-infinity", None] if shop.name == "postgresql" else ["0000-00-00 00:00:00", None]
    with shop.engine.begin() as conn:
        if shop.name == "mariadb":
            conn.execute(sa.text("SET SESSION sql_mode = ''"))
        for number, at in enumerate(odd, start=2):
            conn.execute(sa.text("INSERT INTO products VALUES (:id, 'x', 1, NULL, :at)"), {"id": number, "at": at})
    assert load(products, now=AT + dt.timedelta(hours=1)).load_id is None
    said = f"shop_products: {len(odd)} rows have a watermark that is absent, zero or infinite: no window has them"
    assert said in caplog.text


class _Killed(BaseException):
    """Ends the run as a kill would: nothing catches it."""


def test_killed_in_the_middle_of_a_window(
    *, shop: Shop, load: Load, rows: Rows, source: Write, monkeypatch: pytest.MonkeyPatch, warehouse_dsn: str
) -> None:
    products = source("shop_products", TABLE + COLUMNS)
    values = [{"id": n, "at": "2026-07-01 08:00:00"} for n in range(20_000)]
    with shop.engine.begin() as conn:
        conn.execute(sa.text("INSERT INTO products VALUES (:id, 'x', 1, NULL, :at)"), values)
    calls, real = itertools.count(), result.screened

    def dying(*arguments: Any) -> Any:
        if next(calls) == 2:
            raise _Killed
        return real(*arguments)

    with monkeypatch.context() as patched, connect(warehouse_dsn, "loader") as doomed:
        patched.setattr(result, "screened", dying)
        with pytest.raises(_Killed):
            load(products, now=AT, conn=doomed)
        doomed.close()
    assert rows("SELECT count(*) FROM raw.products") == [(0,)]
    assert rows("SELECT count(*) FROM ops.landing_files") == [(0,)]
    assert load(products, now=AT + dt.timedelta(minutes=5)).loaded == 20_000
    assert rows("SELECT count(DISTINCT product_ref) FROM raw.products") == [(20_000,)]
    assert rows("SELECT state FROM ops.loads") == [("loaded",)]


def test_runs_at_the_same_time_take_each_row_once(
    shop: Shop, load: Load, rows: Rows, source: Write, warehouse_dsn: str
) -> None:
    products = source("shop_products", TABLE + COLUMNS)
    values = [{"id": n, "at": "2026-07-01 08:00:00"} for n in range(5_000)]
    with shop.engine.begin() as conn:
        conn.execute(sa.text("INSERT INTO products VALUES (:id, 'x', 1, NULL, :at)"), values)
    together, failures = threading.Barrier(3), []

    def run(seconds: int) -> None:
        try:
            with connect(warehouse_dsn, "loader") as mine:
                together.wait()
                load(products, now=AT + dt.timedelta(seconds=seconds), conn=mine)
        except Exception as error:  # noqa: BLE001 - shown by the assertion
            failures.append(error)

    threads = [threading.Thread(target=run, args=[n]) for n in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert rows("SELECT count(*), count(DISTINCT product_ref) FROM raw.products") == [(5_000, 5_000)]


REFUSED = [
    (TABLE.replace("table: products", "table: nothing"), "has no table nothing"),
    (TABLE.replace("watermark: changed_at", "watermark: id"), "the watermark id is not a time"),
    (TABLE.replace("watermark: changed_at", "watermark: other"), "the watermark other is not among the columns"),
    (QUERY.replace("p.*", "p.*, nope"), "nope"),
    (QUERY.replace("unused: [extra]", ""), "column 'extra' is new: map it, or list it under unused"),
    (QUERY.replace("-- done", "AND 1 = :shop"), "the query has the parameter :shop; known are :since and :until"),
    (QUERY.replace("p.*", "p.id, p.changed_at"), "the header lacks the columns name, price, facts"),
]


@pytest.mark.parametrize(("text", "reason"), REFUSED, ids=[r for _, r in REFUSED])
def test_what_cannot_be_read_is_told_and_no_window_is_lost(
    *, shop: Shop, load: Load, rows: Rows, source: Write, text: str, reason: str
) -> None:
    shop.put(1, "2026-07-01 08:00:00")
    assert load(source("shop_products", text + COLUMNS), now=AT).refused_files == 1
    ((stored,),) = rows("SELECT reason FROM ops.landing_files")
    assert reason in stored
    assert load(source("shop_products", TABLE + COLUMNS), now=AT).loaded == 1


def test_a_query_may_only_read(shop: Shop, load: Load, rows: Rows, source: Write) -> None:
    if shop.name == "mariadb":
        shop.run("CREATE OR REPLACE TABLE written (n integer)")
        shop.run(
            "CREATE OR REPLACE FUNCTION writes() RETURNS integer BEGIN INSERT INTO written VALUES (1); RETURN 1; END"
        )
    else:
        shop.run("CREATE TABLE written (n integer)")
        shop.run(
            "CREATE FUNCTION writes() RETURNS integer LANGUAGE sql AS 'INSERT INTO written VALUES (1) RETURNING n'"
        )
    shop.put(1, "2026-07-01 08:00:00")
    assert load(source("shop_products", QUERY.replace("'a:b'", "writes()") + COLUMNS), now=AT).refused_files == 1
    ((reason,),) = rows("SELECT reason FROM ops.landing_files")
    assert "reported" in reason
    with shop.engine.connect() as conn:
        assert conn.execute(sa.text("SELECT count(*) FROM written")).scalar() == 0


def test_bytes_are_refused(shop: Shop, load: Load, rows: Rows, source: Write) -> None:
    kind = "bytea" if shop.name == "postgresql" else "blob"
    shop.run("ALTER TABLE products DROP COLUMN facts", f"ALTER TABLE products ADD COLUMN facts {kind}")
    shop.run("INSERT INTO products VALUES (1, 'x', 1, '2026-07-01 08:00:00', 'abc')")
    assert load(source("shop_products", TABLE + COLUMNS), now=AT).refused_files == 1
    assert rows("SELECT reason FROM ops.landing_files") == [("the column 'facts' holds bytes, not text",)]


def test_a_server_that_is_not_there(shop: Shop, load: Load, source: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    kind = "postgres" if shop.name == "postgresql" else "mysql"
    monkeypatch.setenv("AIRFLOW_CONN_SHOP_DB", f"{kind}://me:hidden-secret@127.0.0.1:{free_port()}/shop")
    with pytest.raises(SourceError, match=r"cannot be reached .*: check host, port and login") as caught:
        load(source("shop_products", TABLE + COLUMNS))
    assert "hidden-secret" not in str(caught.value)


def test_many_rows_come_in_bounded_pieces(shop: Shop, load: Load, rows: Rows, source: Write) -> None:
    wide = [{"id": n, "name": "x" * 90, "at": "2026-07-01 08:00:00"} for n in range(30_000)]
    with shop.engine.begin() as conn:
        conn.execute(sa.text("INSERT INTO products VALUES (:id, :name, 1, NULL, :at)"), wide)
    assert load(source("shop_products", TABLE + COLUMNS), now=AT).loaded == 30_000
    assert rows("SELECT min(record_no), max(record_no), count(DISTINCT record_no) FROM raw.products") == [
        (1, 30_000, 30_000)
    ]


def test_an_order_of_which_any_line_changed_comes_whole_by_the_guides_queries(
    *, shop: Shop, load: Load, rows: Rows, source: Write
) -> None:
    guide = (ROOT / "docs/sources.md").read_text().replace("shop.order", "order")
    (by_order,) = re.findall(r"from: +# orders: .*?\n(.*?)```", guide, re.DOTALL)
    (condition,) = re.findall(r"`WHERE (l\.order_id IN .*?)`", guide, re.DOTALL)
    by_line = re.sub(r"WHERE .*", f"WHERE {condition}", by_order).replace("o.changed_at", "l.changed_at")
    shop.run(
        f"CREATE TABLE orders (order_id integer, customer_id integer, ordered_at {shop.wall}, changed_at {shop.wall})",
        "CREATE TABLE order_lines (order_id integer, product_id integer, quantity integer, amount decimal(10, 2),"
        f" currency char(3), changed_at {shop.wall})",
    )
    at = "'2026-07-01 08:00:00'"
    try:
        shop.run(
            *(f"INSERT INTO orders VALUES ({n}, 7, {at}, {at})" for n in (1, 2)),
            *(f"INSERT INTO order_lines VALUES ({n}, {p}, 1, 2.50, 'EUR', {at})" for n in (1, 2) for p in (1, 2)),
        )
        texts = {name: f"from:\n{text}time_zone: UTC\nrecords: {{orders: {{}}}}\n" for name, text in
                 (("by_order", by_order), ("by_line", by_line))}  # fmt: skip
        sources = [source(name, text) for name, text in texts.items()]
        assert [load(s, now=AT).loaded for s in sources] == [4, 4]
        later = "changed_at = '2026-07-01 10:00:00'"
        shop.run(f"UPDATE orders SET {later} WHERE order_id = 1")
        shop.run(f"UPDATE order_lines SET {later} WHERE order_id = 1 AND product_id = 1")
        assert [load(s, now=AT + dt.timedelta(hours=2)).loaded for s in sources] == [2, 2]
        assert rows("SELECT order_ref, product_ref FROM raw.order_lines WHERE load_id > 2 ORDER BY load_id, 1, 2") == [
            ("1", "1"), ("1", "2"), ("1", "1"), ("1", "2"),
        ]  # fmt: skip
    finally:
        shop.run("DROP TABLE order_lines", "DROP TABLE orders")
