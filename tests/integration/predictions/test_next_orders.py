"""A run of next orders: nearer than own mean gaps, honest intervals, stored and not published where nothing helps."""

from __future__ import annotations

import datetime as dt

import psycopg
import pytest

from integration.predictions.rhythms import DAY, rhythmic, shapeless, write
from marketflow.predictions.next_order import run as next_orders
from marketflow.predictions.next_order.run import foresee_next_orders
from marketflow.shared import Clock


def rows_of(conn: psycopg.Connection, run_id: int) -> list[tuple]:
    query = (
        "SELECT customer_id, expected_on, earliest_on, latest_on FROM models.next_orders WHERE run_id = %s ORDER BY 1"
    )
    return conn.execute(query, [run_id]).fetchall()


def test_it_beats_the_own_mean_gap(conn: psycopg.Connection, clock: Clock) -> None:
    write(conn, rhythmic(900))
    run = foresee_next_orders(conn, clock=clock)
    assert run.published, run.reason
    deciding = {s["baseline"]: s["baseline_value"] for s in run.metrics["scores"] if s["decides"]}
    assert set(deciding) == {"last order plus own mean gap", "everybody's median wait"}
    assert all(run.metrics["mae_days"] < value for value in deciding.values())
    assert 0.72 <= run.metrics["coverage"] <= 0.88
    rows = rows_of(conn, run.run_id)
    assert len(rows) == run.rows
    horizon = DAY + dt.timedelta(days=90)
    for _, expected, earliest, latest in rows:
        assert DAY < earliest <= horizon + dt.timedelta(days=1)
        assert earliest <= (expected or dt.date.max) <= (latest or dt.date.max)
        assert (expected or horizon) <= horizon
        assert (latest or horizon) <= horizon
    assert any(expected is None for _, expected, *_ in rows)
    assert any(latest is not None for *_, latest in rows)


def test_the_past_does_not_know_the_future(conn: psycopg.Connection, clock: Clock) -> None:
    write(conn, rhythmic(300))
    past = DAY - dt.timedelta(days=40)
    before = foresee_next_orders(conn, clock=clock, as_of=past)
    conn.execute("DELETE FROM core.orders WHERE ordered_on > %s", [past])
    after = foresee_next_orders(conn, clock=clock, as_of=past)
    assert rows_of(conn, after.run_id) == rows_of(conn, before.run_id)
    assert after.metrics == before.metrics


def test_parts_that_bound_the_memory_change_nothing(
    conn: psycopg.Connection, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(conn, rhythmic(300))
    whole = foresee_next_orders(conn, clock=clock)
    monkeypatch.setattr(next_orders, "_AT_A_TIME", 7)
    assert rows_of(conn, foresee_next_orders(conn, clock=clock).run_id) == rows_of(conn, whole.run_id)


def test_where_nothing_helps_it_is_stored_and_not_published(conn: psycopg.Connection, clock: Clock) -> None:
    write(conn, shapeless())
    run = foresee_next_orders(conn, clock=clock)
    assert (run.rows > 0, run.published) == (True, False)
    assert "everybody's median wait" in (run.reason or "")


def test_a_short_history_is_not_measured(conn: psycopg.Connection, clock: Clock) -> None:
    write(conn, rhythmic(400, 150))
    run = foresee_next_orders(conn, clock=clock)
    assert (run.rows > 0, run.published) == (True, False)
    assert run.reason == "there is too little history to measure it on"
    assert run.metrics["mae_days"] is None


@pytest.mark.parametrize(
    ("orders", "reason"),
    [
        ([], "no customer has bought anything yet"),
        ([(1, DAY, "sale", 1.0)], "purchases are known of 1 days"),
        ([(1, DAY - dt.timedelta(days=n), "sale", 1.0) for n in range(0, 360, 7)], "customers to learn from"),
        ([(1, DAY - dt.timedelta(days=n), "sale", 1.0) for n in range(100, 360)], "the newest orders are of"),
    ],
    ids=["no orders", "one order", "one customer", "a gap of months at the end"],
)
def test_what_it_cannot_do_is_refused_with_the_reason(
    conn: psycopg.Connection, clock: Clock, orders: list, reason: str
) -> None:
    write(conn, orders)
    run = foresee_next_orders(conn, clock=clock)
    assert (run.rows, run.published) == (0, False)
    assert reason in (run.reason or "")
    assert conn.execute("SELECT state FROM models.runs").fetchall() == [("refused",)]


def test_odd_customers_have_dates_too(conn: psycopg.Connection, clock: Clock) -> None:
    orders = [o for o in rhythmic(300) if not DAY - dt.timedelta(days=200) < o[1] < DAY - dt.timedelta(days=130)]
    orders += [(1001, DAY, "sale", 5.0)] * 1000
    orders += [(1002, DAY - dt.timedelta(days=n), "return", -1000.0) for n in range(50)]
    orders += [(1002, DAY - dt.timedelta(days=80), "sale", 0.0), (1003, DAY, "sale", None)]
    write(conn, orders)
    run = foresee_next_orders(conn, clock=clock)
    assert {1001, 1002, 1003} <= {row[0] for row in rows_of(conn, run.run_id)}


def test_a_constant_rhythm_is_foreseen(conn: psycopg.Connection, clock: Clock) -> None:
    write(
        conn, [(c, DAY - dt.timedelta(days=n + c % 10), "sale", 1.0) for c in range(1, 80) for n in range(0, 340, 10)]
    )
    run = foresee_next_orders(conn, clock=clock)
    assert run.rows == 79
    assert run.metrics["mae_days"] is not None


def test_a_horizon_that_cannot_be(conn: psycopg.Connection, clock: Clock) -> None:
    with pytest.raises(ValueError, match="horizon_days"):
        foresee_next_orders(conn, clock=clock, horizon_days=0)
