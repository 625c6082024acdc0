"""Core is built from passed loads, all or nothing, once; what was touched is noted for those who follow."""

from __future__ import annotations

import datetime as dt
import threading

import psycopg
import pytest

from marketflow.shared import BatchRefused, Clock
from marketflow.warehouse import BuildSummary, build_core
from table_rows import give, load, small_shop

WAITING = """
SELECT 1
FROM pg_locks AS l
JOIN pg_database AS d ON l.database = d.oid
WHERE l.locktype = 'advisory' AND NOT l.granted AND d.datname = current_database()
"""

LOSE_A_LINE = """
CREATE FUNCTION public.lose_a_line() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN
    NEW.record_nos := NEW.record_nos[2:];
    NEW.product_refs := NEW.product_refs[2:];
    NEW.quantities := NEW.quantities[2:];
    NEW.amounts := NEW.amounts[2:];
    RETURN NEW;
END';
CREATE TRIGGER lose_a_line BEFORE INSERT ON core.baskets
FOR EACH ROW WHEN (NEW.order_id = 1) EXECUTE FUNCTION public.lose_a_line()
"""


def test_a_first_build(conn: psycopg.Connection, clock: Clock) -> None:
    small_shop(conn)
    summary = build_core(conn, clock=clock)
    assert summary.changed
    assert summary.loads == [1, 2, 3, 4]
    assert count(conn, "core.orders") == 360
    assert count(conn, "core.order_lines") == count(conn, "raw.order_lines")
    assert conn.execute("SELECT count(*) FROM core.products WHERE NOT in_catalogue").fetchone() == (2,)
    assert summary.warnings == {"core.products.product_not_in_catalogue": 2}
    assert states(conn) == {"merged"}
    assert len(touched(conn, "day")) == 90
    assert len(touched(conn, "customer")) == 40
    assert len(touched(conn, "product")) == 14


def test_which_products_may_be_proposed_is_known_before_any_mart_is_built(
    conn: psycopg.Connection, clock: Clock
) -> None:
    """Core wakes the recommenders, which may be done before the marts are begun."""
    small_shop(conn)
    build_core(conn, clock=clock)
    assert count(conn, "marts.products") == count(conn, "core.products")
    proposed = "SELECT count(*) > 0 FROM marts.products WHERE is_recommendable"
    assert conn.execute(proposed).fetchone() == (True,)
    known = "SELECT row_count FROM ops.table_freshness WHERE table_name = 'marts.products'"
    assert conn.execute(known).fetchone() == (count(conn, "core.products"),)


def test_a_second_build_finds_nothing(conn: psycopg.Connection, clock: Clock) -> None:
    small_shop(conn)
    build_core(conn, clock=clock)
    before = count(conn, "ops.pending_changes")
    assert build_core(conn, clock=clock) == BuildSummary(changed=False)
    assert count(conn, "ops.pending_changes") == before


@pytest.mark.parametrize("state", ["loading", "loaded", "refused", "merged"])
def test_only_what_passed_the_gate_is_merged(conn: psycopg.Connection, clock: Clock, state: str) -> None:
    load(conn, 1, "orders", state=state)
    give(conn, "raw.order_lines", [{"order_ref": "o", "product_ref": "p"}])
    assert not build_core(conn, clock=clock).changed
    assert count(conn, "core.orders") == 0


def test_a_corrected_order_touches_what_it_was_and_what_it_is(conn: psycopg.Connection, clock: Clock) -> None:
    small_shop(conn)
    build_core(conn, clock=clock)
    conn.execute("DELETE FROM ops.pending_changes")
    load(conn, 9, "orders")
    correction = {"load_id": 9, "file_id": 900, "order_ref": "o0", "customer_ref": "newcomer", "product_ref": "p13"}
    give(conn, "raw.order_lines", [{**correction, "ordered_at": "2017-12-25T17:00:00Z", "amount": 99}])
    old = conn.execute("SELECT customer_id::text FROM core.orders WHERE external_id = 'o0'").fetchone()
    old_products = products_of(conn, "o0")
    build_core(conn, clock=clock)
    new = conn.execute("SELECT customer_id::text, revenue FROM core.orders WHERE external_id = 'o0'").fetchone()
    assert old is not None
    assert new is not None
    assert new[1] == 99
    assert touched(conn, "day") == {"2017-12-25", "2017-12-31"}
    assert touched(conn, "customer") == {old[0], new[0]}
    assert touched(conn, "product") == old_products | products_of(conn, "o0")
    assert count(conn, "core.orders") == 360


def test_a_check_that_stops_rolls_everything_back(conn: psycopg.Connection, clock: Clock) -> None:
    small_shop(conn, days=3)
    conn.execute(LOSE_A_LINE)
    with pytest.raises(BatchRefused, match=r"core\.baskets: check lines_differ_from_order found 1 bad rows"):
        build_core(conn, clock=clock)
    assert states(conn) == {"passed"}
    assert count(conn, "core.customers") == 0
    assert count(conn, "ops.pending_changes") == 0


def test_events_lie_in_the_partition_of_their_month(conn: psycopg.Connection, clock: Clock) -> None:
    small_shop(conn)
    build_core(conn, clock=clock)
    months = {t for (t,) in conn.execute("SELECT DISTINCT tableoid::regclass::text FROM core.events")}
    assert months == {"core.events_2017_10", "core.events_2017_11", "core.events_2017_12"}


def test_the_freshness_is_the_last_complete_day(conn: psycopg.Connection, clock: Clock) -> None:
    load(conn, 1, "orders")
    days = ["2017-12-30T17:00:00Z", "2018-01-01T17:00:00Z"]  # the second is not over on the clock's business day
    give(conn, "raw.order_lines", [{"order_ref": d, "product_ref": "p", "ordered_at": d} for d in days])
    build_core(conn, clock=clock)
    known = {d for (d,) in conn.execute("SELECT data_as_of FROM ops.table_freshness WHERE table_name LIKE 'core.%'")}
    assert known == {dt.date(2017, 12, 30)}


def test_of_two_builds_at_once_the_second_waits_and_finds_nothing(
    conn: psycopg.Connection, warehouse_dsn: str, clock: Clock
) -> None:
    small_shop(conn, days=3)
    conn.commit()
    results: list[BuildSummary] = []

    def build() -> None:
        with psycopg.connect(warehouse_dsn) as other:
            results.append(build_core(other, clock=clock))

    conn.execute("SELECT 1")  # begins the transaction that the first build stays in until the commit below
    first = build_core(conn, clock=clock)
    second = threading.Thread(target=build)
    second.start()
    with psycopg.connect(warehouse_dsn, autocommit=True) as watcher:
        while not watcher.execute(WAITING).fetchone():
            assert second.is_alive()
    conn.commit()
    second.join()
    assert first.changed
    assert results == [BuildSummary(changed=False)]


def count(conn: psycopg.Connection, table: str) -> int:
    from psycopg import sql

    row = conn.execute(sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(*table.split(".")))).fetchone()
    assert row is not None
    return int(row[0])


def touched(conn: psycopg.Connection, entity: str) -> set[str]:
    return {k for (k,) in conn.execute("SELECT key FROM ops.pending_changes WHERE entity = %s", [entity])}


def states(conn: psycopg.Connection) -> set[str]:
    return {s for (s,) in conn.execute("SELECT state FROM ops.loads")}


def products_of(conn: psycopg.Connection, order: str) -> set[str]:
    query = "SELECT l.product_id::text FROM core.order_lines AS l JOIN core.orders AS o USING (order_id) WHERE o.external_id = %s"
    return {p for (p,) in conn.execute(query, [order])}
