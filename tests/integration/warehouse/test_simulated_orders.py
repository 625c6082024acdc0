"""Simulated orders change nothing but the one table that they stand in: no sale, customer, product, model or mart."""

from __future__ import annotations

import datetime as dt

import psycopg

from marketflow.shared import Clock
from marketflow.warehouse import build_core, build_marts, rebuild_warehouse
from table_rows import give, have, load, marts, small_shop

AT = dt.datetime(2018, 1, 1, 14, 30, tzinfo=dt.UTC)
TABLES = """
SELECT n.nspname || '.' || c.relname
FROM pg_class AS c
INNER JOIN pg_namespace AS n ON c.relnamespace = n.oid
WHERE n.nspname IN ('core', 'features', 'models', 'privacy') AND c.relkind IN ('r', 'p') AND NOT c.relispartition
ORDER BY 1
"""
APART = "core.simulated_orders"


def test_a_simulated_order_touches_nobody(conn: psycopg.Connection, clock: Clock) -> None:
    small_shop(conn)
    build_core(conn, clock=clock)
    build_marts(conn, clock=clock)
    before, before_marts, noted = tables(conn), marts(conn), changes(conn)
    simulate(conn)
    summary = build_core(conn, clock=clock)
    assert summary.rows_changed.pop(APART) == 3
    assert set(summary.rows_changed.values()) == {0}
    assert tables(conn) == before
    assert changes(conn) == noted
    assert not build_marts(conn, clock=clock).changed
    assert build_marts(conn, clock=clock, force=True).changed
    assert marts(conn) == before_marts


def test_all_orders_shows_them_with_their_customers_and_marked(conn: psycopg.Connection, clock: Clock) -> None:
    small_shop(conn)
    simulate(conn)
    build_core(conn, clock=clock)
    counted = conn.execute(
        "SELECT is_simulated, count(*) FROM core.all_orders GROUP BY is_simulated ORDER BY 1"
    ).fetchall()
    assert counted == [(False, 360), (True, 3)]
    assert conn.execute("SELECT count(*), count(DISTINCT order_id) FROM core.all_orders").fetchone() == (363, 363)
    shown = conn.execute("""
        SELECT o.external_id, i.external_id, o.base_revenue FROM core.all_orders AS o
        LEFT JOIN core.customer_identifiers AS i USING (customer_id)
        WHERE o.is_simulated ORDER BY o.external_id""").fetchall()
    assert [(order, customer, float(money)) for order, customer, money in shown] == [
        ("s1", "1", 12.5), ("s2", "2", 7.0), ("s3", None, 1.0)
    ]  # fmt: skip


def test_a_rebuild_keeps_both_as_they_are(conn: psycopg.Connection, clock: Clock) -> None:
    small_shop(conn)
    simulate(conn)
    build_core(conn, clock=clock)
    orders, apart = have(conn, "core.orders", []), have(conn, APART, [])
    rebuild_warehouse(conn, clock=clock)
    assert have(conn, "core.orders", []) == orders
    assert have(conn, APART, []) == apart


def simulate(conn: psycopg.Connection) -> None:
    load(conn, 9, "orders")
    common = {"load_id": 9, "file_id": 900, "is_simulated": True, "ordered_at": AT}
    give(
        conn,
        "raw.order_lines",
        [
            {**common, "order_ref": "s1", "customer_ref": "1", "product_ref": "p1", "amount": 5},
            {**common, "order_ref": "s1", "customer_ref": "1", "product_ref": "never seen", "amount": 7.5},
            {**common, "order_ref": "s2", "customer_ref": "2", "product_ref": "p1", "amount": 7},
            {**common, "order_ref": "s3", "customer_ref": "nobody knows him", "product_ref": "p2"},
        ],
    )


def tables(conn: psycopg.Connection) -> dict[str, list[str]]:
    names = [name for (name,) in conn.execute(TABLES) if name != APART]
    assert "core.customers" in names
    return {name: have(conn, name, []) for name in names}


def changes(conn: psycopg.Connection) -> int:
    row = conn.execute("SELECT count(*) FROM ops.pending_changes").fetchone()
    assert row is not None
    return int(row[0])
