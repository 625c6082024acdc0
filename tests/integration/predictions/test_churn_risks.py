"""A run of churn: better than recency alone where there is something to learn, stored and not published where not."""

from __future__ import annotations

import datetime as dt

import psycopg
import pytest

from integration.predictions.rhythms import DAY, rhythmic, shapeless, write
from marketflow.predictions.churn import run as churn_risks
from marketflow.predictions.churn.run import foresee_churn
from marketflow.shared import Clock


def rows_of(conn: psycopg.Connection, run_id: int) -> list[tuple]:
    query = "SELECT customer_id, churn_days, churn_probability, reasons FROM models.churn_risks WHERE run_id = %s ORDER BY 1"
    return conn.execute(query, [run_id]).fetchall()


def test_it_beats_recency_alone_and_says_why(conn: psycopg.Connection, clock: Clock) -> None:
    write(conn, rhythmic(900))
    run = foresee_churn(conn, clock=clock)
    assert run.published, run.reason
    deciding = [s for s in run.metrics["scores"] if s["decides"]]
    assert [(s["baseline"], s["metric"]) for s in deciding] == [
        (baseline, metric) for baseline in ("recency alone", "recency and churn days") for metric in ("auc", "brier")
    ]
    assert all((s["ours"] > s["baseline_value"]) is (s["metric"] == "auc") for s in deciding)
    assert {s["baseline"] for s in run.metrics["scores"] if not s["decides"]} == {"P(alive) of BG/NBD"}
    assert all(
        "measured on those as of 2017-10-02, outcomes until 2017-12-31" in s["split"] for s in run.metrics["scores"]
    )
    assert 0 <= run.metrics["calibration_error"] < 0.1
    assert sum(b["customers"] for b in run.metrics["reliability"]) == run.metrics["tested_customers"]
    rows = rows_of(conn, run.run_id)
    assert len(rows) == run.rows
    assert all(7 <= days <= 90 and 0 < chance < 1 and len(reasons) <= 3 for _, days, chance, reasons in rows)
    risky = [reasons for _, _, chance, reasons in rows if chance > 0.8]
    assert len(risky) > 50
    assert all(risky), "who is very likely gone has a reason"
    words = {word for reasons in risky for reason in reasons for word in reason.split()}
    assert {"away", "times", "usual"} <= words
    assert all(reason[0].islower() and "_" not in reason and "nan" not in reason for r in rows for reason in r[3])


def test_the_past_does_not_know_the_future(conn: psycopg.Connection, clock: Clock) -> None:
    write(conn, rhythmic(400))
    past = DAY - dt.timedelta(days=40)
    before = foresee_churn(conn, clock=clock, as_of=past)
    assert not before.published
    conn.execute("DELETE FROM core.orders WHERE ordered_on > %s", [past])
    after = foresee_churn(conn, clock=clock, as_of=past)
    assert rows_of(conn, after.run_id) == rows_of(conn, before.run_id)
    assert after.metrics == before.metrics


def test_parts_that_bound_the_memory_change_nothing(
    conn: psycopg.Connection, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(conn, rhythmic(300))
    whole = foresee_churn(conn, clock=clock)
    monkeypatch.setattr(churn_risks, "_AT_A_TIME", 7)
    assert rows_of(conn, foresee_churn(conn, clock=clock).run_id) == rows_of(conn, whole.run_id)


def test_where_nothing_helps_it_is_stored_and_not_published(conn: psycopg.Connection, clock: Clock) -> None:
    write(conn, shapeless())
    run = foresee_churn(conn, clock=clock)
    assert (run.rows > 0, run.published) == (True, False)
    assert run.reason is not None
    assert "not better than the baseline" in run.reason


def test_a_short_history_is_not_measured(conn: psycopg.Connection, clock: Clock) -> None:
    write(conn, rhythmic(500, 150))
    run = foresee_churn(conn, clock=clock)
    assert (run.rows > 0, run.published) == (True, False)
    assert run.reason == "there is too little history to measure it on"
    assert run.metrics["auc"] is None
    assert run.metrics["calibration_error"] is None


@pytest.mark.parametrize(
    ("orders", "reason"),
    [
        ([], "no customer has bought anything yet"),
        ([(1, DAY, "sale", 1.0)], "purchases are known of 1 days"),
        ([(1, DAY - dt.timedelta(days=n), "sale", 1.0) for n in range(0, 360, 7)], "to learn from"),
        ([(1, DAY - dt.timedelta(days=n), "sale", 1.0) for n in range(100, 360)], "the newest orders are of"),
    ],
    ids=["no orders", "one order", "one customer", "a gap of months at the end"],
)
def test_what_it_cannot_do_is_refused_with_the_reason(
    conn: psycopg.Connection, clock: Clock, orders: list, reason: str
) -> None:
    write(conn, orders)
    run = foresee_churn(conn, clock=clock)
    assert (run.rows, run.published) == (0, False)
    assert run.reason is not None
    assert reason in run.reason
    assert conn.execute("SELECT state, reason FROM models.runs").fetchall() == [("refused", run.reason)]


def test_odd_customers_have_figures_too(conn: psycopg.Connection, clock: Clock) -> None:
    orders = [o for o in rhythmic(400) if not DAY - dt.timedelta(days=200) < o[1] < DAY - dt.timedelta(days=130)]
    orders += [(1001, DAY, "sale", 5.0)] * 1000  # a thousand in a day
    orders += [(1002, DAY - dt.timedelta(days=n), "return", -1000.0) for n in range(50)]
    orders += [(1002, DAY - dt.timedelta(days=80), "sale", 0.0), (1003, DAY, "sale", None)]
    write(conn, orders)
    run = foresee_churn(conn, clock=clock)
    rows = {row[0]: row for row in rows_of(conn, run.run_id)}
    assert all(0 < rows[n][2] < 1 for n in (1001, 1002, 1003))
    assert rows[1002][3], "she has been away for long"


def test_all_the_same_is_stored_and_not_published(conn: psycopg.Connection, clock: Clock) -> None:
    write(conn, [(c, DAY - dt.timedelta(days=n), "sale", 1.0) for c in range(1, 60) for n in range(0, 360, 10)])
    run = foresee_churn(conn, clock=clock)
    assert not run.published
    assert run.reason


@pytest.mark.parametrize(("shortest", "longest"), [(0, 90), (30, 10)])
def test_bounds_that_cannot_be(conn: psycopg.Connection, clock: Clock, shortest: int, longest: int) -> None:
    with pytest.raises(ValueError, match="churn days"):
        foresee_churn(conn, clock=clock, shortest_days=shortest, longest_days=longest)
