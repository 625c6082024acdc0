"""Old raw rows go, of merged loads only; everything else stays, and core is the same whenever it is built again."""

from __future__ import annotations

import dataclasses
import datetime as dt
from pathlib import Path
from typing import Any

import psycopg
import pytest

from landing_files import as_csv, write
from marketflow.privacy import KeyRing
from marketflow.shared import Clock, ConfigurationError
from marketflow.sources import Selection, Source, forget_raw, replay_quarantine, retention
from marketflow.warehouse import build_core, connect, lock_job, rebuild_warehouse

from .conftest import SHOP, Rows, Take

LEFT = "SELECT load_id, count(*) FROM raw.order_lines GROUP BY 1 ORDER BY 1"


def merge(dsn: str, clock: Clock, *, days_ago: int = 0) -> None:
    """Let the loads pass, and build core; they seem to have ended so long ago."""
    with connect(dsn) as conn:
        conn.execute("UPDATE ops.loads SET state = 'passed' WHERE state = 'loaded'")
        build_core(conn, clock=clock, shop=SHOP)
        conn.execute("UPDATE ops.loads SET finished_at = finished_at - %s", [dt.timedelta(days=days_ago)])


def orders(dsn: str) -> list[tuple[Any, ...]]:
    """What core has."""
    with connect(dsn) as conn:
        return conn.execute("SELECT external_id, line_count, revenue::text FROM core.orders ORDER BY 1").fetchall()


def rebuild(dsn: str, clock: Clock) -> list[int]:
    """The loads that were merged again."""
    with connect(dsn) as conn:
        return list(rebuild_warehouse(conn, clock=clock, shop=SHOP).loads)


def test_only_old_and_merged_loads_are_forgotten(
    *, landing: Path, take: Take, rows: Rows, loader: psycopg.Connection, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("marketflow.sources.retention._BATCH", 3)
    for n in range(3):
        lines = [{"order_id": f"o{n}-{i}"} for i in range(10)]
        write(landing, f"orders/{n}.csv", as_csv("orders", *lines, {"order_id": ""}))
        take("orders")
    loader.execute("UPDATE ops.loads SET state = 'merged' WHERE load_id IN (1, 2)")
    loader.execute("UPDATE ops.loads SET finished_at = finished_at - interval '40 days' WHERE load_id IN (1, 3)")
    assert forget_raw(loader, clock, 30) == {"raw.orders": 10}
    assert rows("SELECT load_id, count(*) FROM raw.order_lines GROUP BY 1 ORDER BY 1") == [(2, 10), (3, 10)]
    assert rows("SELECT count(*) FROM ops.quarantine") == [(3,)]
    assert rows("SELECT load_id FROM ops.loads WHERE raw_forgotten_at IS NOT NULL") == [(1,)]
    assert forget_raw(loader, clock, 30) == {}
    later = dataclasses.replace(clock, offset=dt.timedelta(days=40))
    assert forget_raw(loader, later, 30) == {"raw.orders": 10}
    assert rows("SELECT load_id, count(*) FROM raw.order_lines GROUP BY 1") == [(3, 10)]


def test_a_day_is_kept_at_least(loader: psycopg.Connection, clock: Clock) -> None:
    with pytest.raises(ConfigurationError, match="a day at least"):
        forget_raw(loader, clock, 0)


def test_a_run_that_is_killed_loses_no_line_of_core_and_is_finished(
    *, landing: Path, take: Take, rows: Rows, loader: psycopg.Connection, clock: Clock, warehouse_dsn: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    write(landing, "orders/a.csv", as_csv("orders", *({"order_id": f"o{n % 2}"} for n in range(6))))  # in pieces
    take("orders")
    merge(warehouse_dsn, clock, days_ago=40)
    before = orders(warehouse_dsn)
    monkeypatch.setattr(retention, "_BATCH", 2)
    real = psycopg.Connection.commit

    def dies_when_some_are_gone(conn: psycopg.Connection) -> None:
        real(conn)
        if conn.execute("SELECT count(*) FROM raw.orders").fetchone() == (4,):
            raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(psycopg.Connection, "commit", dies_when_some_are_gone)
        with pytest.raises(KeyboardInterrupt):
            forget_raw(loader, clock, 30)
    loader.rollback()
    assert rows(LEFT) == [(1, 4)]
    assert rebuild(warehouse_dsn, clock) == []  # what is there by half is not looked at
    assert orders(warehouse_dsn) == before == [("o0", 3, "7.50"), ("o1", 3, "7.50")]
    assert forget_raw(loader, clock, 30) == {"raw.orders": 4}
    assert rows("SELECT raw_forgotten_at <= raw_deleted_at FROM ops.loads") == [(True,)]
    assert forget_raw(loader, clock, 30) == {}


def test_nothing_is_marked_while_core_is_built(
    *, landing: Path, take: Take, loader: psycopg.Connection, clock: Clock, warehouse_dsn: str
) -> None:
    write(landing, "orders/a.csv", as_csv("orders", {}))
    take("orders")
    merge(warehouse_dsn, clock, days_ago=40)
    loader.execute("SET lock_timeout = '200ms'")
    loader.commit()
    with connect(warehouse_dsn) as building:
        lock_job(building, "build_core")
        with pytest.raises(psycopg.errors.LockNotAvailable):
            forget_raw(loader, clock, 30)
    assert forget_raw(loader, clock, 30) == {"raw.orders": 1}


def test_orders_that_were_held_back_are_not_forgotten(
    *, landing: Path, take: Take, rows: Rows, loader: psycopg.Connection, clock: Clock, warehouse_dsn: str
) -> None:
    mixed = [{"currency": "USD"}, {"currency": "EUR"}, {"order_id": "o2"}]
    write(landing, "orders/a.csv", as_csv("orders", *mixed))
    take("orders")
    write(landing, "orders/b.csv", as_csv("orders", {"order_id": "o3"}))
    take("orders")
    merge(warehouse_dsn, clock, days_ago=40)
    assert [order for order, *_ in orders(warehouse_dsn)] == ["o2", "o3"]
    assert forget_raw(loader, clock, 30) == {"raw.orders": 1, "kept_loads": 1}
    assert rows(LEFT) == [(1, 3)]


@pytest.mark.parametrize("held", [False, True])
def test_repaired_lines_are_kept_as_long_as_the_rest_of_their_order(
    *, landing: Path, take: Take, loader: psycopg.Connection, clock: Clock, warehouse_dsn: str, keys: KeyRing,
    demo: dict[str, Source], held: bool,
) -> None:  # fmt: skip
    other = [{"order_id": "mixed", "currency": c} for c in ("USD", "EUR")] if held else []
    lines = [{"product_id": "p1"}, {"product_id": "p2", "quantity": "x"}, {"product_id": "p3", "quantity": "y"}]
    write(landing, "orders/a.csv", as_csv("orders", *lines, *other))
    take("orders")
    merge(warehouse_dsn, clock, days_ago=40)
    for number in (2, 3):  # one after the other: the second must not undo the first
        replay_quarantine(
            loader, demo["orders"], Selection(numbers=(number,)), keys=keys, clock=clock, shop=SHOP,
            repairs={"quantity": "1"}, actor="tests",
        )  # fmt: skip
        merge(warehouse_dsn, clock)
    assert orders(warehouse_dsn) == [("o1", 3, "7.50")]
    loader.execute("UPDATE ops.loads SET finished_at = finished_at - interval '40 days'")
    assert forget_raw(loader, clock, 30) == ({"kept_loads": 3} if held else {"raw.orders": 3})
    rebuild(warehouse_dsn, clock)
    assert orders(warehouse_dsn) == [("o1", 3, "7.50")]
