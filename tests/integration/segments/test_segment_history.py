"""The history of segments is what the runs of its days say, whatever is done again, left out or comes back."""

from __future__ import annotations

import datetime as dt
import random
from itertools import pairwise
from zoneinfo import ZoneInfo

import psycopg
import pytest

from integration.segments.conftest import DAY, an_order, fill
from marketflow.segments import segment_customers
from marketflow.segments.history import remember_segments
from marketflow.shared import Clock, DefinitionError
from table_rows import give, have

OVERLAPS = """
SELECT count(*)
FROM models.segment_memberships AS a
JOIN models.segment_memberships AS b ON a.customer_id = b.customer_id AND a.entered_on < b.entered_on
WHERE a.left_on IS NULL OR a.left_on > b.entered_on
"""


def clock_of(day: dt.date) -> Clock:
    return Clock(time_zone=ZoneInfo("America/New_York"), pinned_day=day)


def days(n: int) -> list[dt.date]:
    """The last `n` days until DAY."""
    return [DAY - dt.timedelta(days=n - 1 - i) for i in range(n)]


def run(conn: psycopg.Connection, day: dt.date, window_days: int = 20, **asked: int) -> dict[str, int]:
    segment_customers(conn, clock=clock_of(day), window_days=window_days)
    return remember_segments(conn, clock=clock_of(day), **asked)


def segments_on(conn: psycopg.Connection, day: dt.date) -> dict[int, str]:
    """By the history."""
    query = (
        "SELECT customer_id, segment FROM models.segment_memberships "
        "WHERE entered_on <= %s AND (left_on IS NULL OR left_on > %s)"
    )
    return dict(conn.execute(query, [day, day]).fetchall())


def scored_on(conn: psycopg.Connection, day: dt.date) -> dict[int, str]:
    """By the newest run of the day."""
    query = (
        "SELECT m.customer_id, m.segment FROM models.rfm AS m "
        "WHERE m.run_id = (SELECT max(run_id) FROM models.runs WHERE as_of = %s)"
    )
    return dict(conn.execute(query, [day]).fetchall())


def history(conn: psycopg.Connection) -> list[str]:
    assert conn.execute(OVERLAPS).fetchone() == (0,)
    return have(conn, "models.segment_memberships", [])


@pytest.mark.parametrize("seed", range(3))
def test_each_day_is_as_its_run_says(conn: psycopg.Connection, seed: int) -> None:
    fill(conn, customers=60, days=70)
    rng = random.Random(seed)
    done = [day for day in days(40) if rng.random() < 0.7]  # with gaps
    for day in done:
        run(conn, day)
    for day in done:
        assert segments_on(conn, day) == scored_on(conn, day)
    for before, after in pairwise(done):  # between runs, as by the last one
        assert segments_on(conn, after - dt.timedelta(days=1)) == segments_on(conn, before)
    assert len(history(conn)) > 100


def test_daily_runs_and_a_run_from_nothing_agree_on_the_ends_of_months(conn: psycopg.Connection) -> None:
    fill(conn, customers=60, days=100)
    for day in days(70):
        run(conn, day)
    ends = [dt.date(2017, 10, 31), dt.date(2017, 11, 30), DAY]
    daily = [segments_on(conn, day) for day in ends]
    migrations = have(conn, "marts.segment_migrations", [])
    conn.execute("DELETE FROM models.segment_memberships")
    assert run(conn, DAY)["backfilled"] == 3  # September too: the first order is of the 23rd
    assert [segments_on(conn, day) for day in ends] == daily
    assert have(conn, "marts.segment_migrations", []) == migrations
    history(conn)


def test_the_past_is_scored_without_the_future(conn: psycopg.Connection) -> None:
    fill(conn, customers=60, days=100)
    run(conn, DAY)
    before = segments_on(conn, dt.date(2017, 10, 31))
    runs = conn.execute("SELECT count(*) FROM models.runs").fetchone()
    assert runs == (1,), "the runs that looked at the past leave nothing"
    conn.execute("DELETE FROM models.segment_memberships")
    conn.execute("DELETE FROM core.orders WHERE ordered_on > '2017-10-31'")
    run(conn, DAY, window_days=365)
    assert segments_on(conn, dt.date(2017, 10, 31)).keys() == before.keys() | scored_until(conn, "2017-10-31")
    conn.execute("DELETE FROM models.segment_memberships")
    run(conn, dt.date(2017, 10, 31))
    assert segments_on(conn, dt.date(2017, 10, 31)) == before


def scored_until(conn: psycopg.Connection, day: str) -> set[int]:
    query = "SELECT DISTINCT customer_id FROM core.orders WHERE kind = 'sale' AND ordered_on <= %s"
    return {n for (n,) in conn.execute(query, [day])}


def test_at_most_so_many_months(conn: psycopg.Connection) -> None:
    fill(conn, customers=20, days=150)
    assert run(conn, DAY, months=2)["backfilled"] == 2
    first = conn.execute("SELECT min(entered_on) FROM models.segment_memberships").fetchone()
    assert first == (dt.date(2017, 10, 31),)
    assert run(conn, DAY, months=2)["backfilled"] == 0, "it is known"


def test_a_day_done_again_changes_nothing(conn: psycopg.Connection) -> None:
    fill(conn, customers=60, days=70)
    for day in days(10):
        run(conn, day)
    before = history(conn)
    remember_segments(conn, clock=clock_of(DAY))
    assert history(conn) == before
    run(conn, DAY)
    assert history(conn) == before


def test_an_earlier_day_done_again_forgets_the_later_ones(conn: psycopg.Connection) -> None:
    fill(conn, customers=60, days=70)
    states = {}
    for day in days(10):
        run(conn, day)
        states[day] = history(conn)
    run(conn, days(10)[4])
    assert history(conn) == states[days(10)[4]]
    for day in days(5):
        run(conn, day)
    assert history(conn) == states[DAY]


def test_a_day_before_all_that_is_known_begins_anew(conn: psycopg.Connection) -> None:
    fill(conn, customers=20, days=150)
    run(conn, DAY, months=1)
    assert run(conn, dt.date(2017, 10, 10))["backfilled"] == 2  # August and September
    assert segments_on(conn, dt.date(2017, 10, 10)) == scored_on(conn, dt.date(2017, 10, 10))
    history(conn)


def test_a_customer_who_comes_back_has_a_gap(conn: psycopg.Connection) -> None:
    give(conn, "core.customers", [{"customer_id": n} for n in (1, 2)])
    rng = random.Random(1)
    bought = [(1, days(60)[0]), (1, days(60)[35]), *((2, day) for day in days(60)[::5])]
    orders = [an_order(n, customer, day, rng) | {"kind": "sale"} for n, (customer, day) in enumerate(bought, start=1)]
    give(conn, "core.orders", orders)
    for day in days(60)[::3]:
        run(conn, day, window_days=20, months=0)
    query = "SELECT entered_on, left_on FROM models.segment_memberships WHERE customer_id = 1 ORDER BY 1"
    stays = conn.execute(query).fetchall()
    gaps = [(a[1], b[0]) for a, b in pairwise(stays) if a[1] != b[0]]
    assert gaps == [(days(60)[21], days(60)[36])]
    assert stays[-1][1] is not None, "and is gone again"
    history(conn)


def test_a_gap_of_months_keeps_everybody_where_they_were(conn: psycopg.Connection) -> None:
    fill(conn, customers=30, days=150)
    august, december = dt.date(2017, 8, 20), DAY
    run(conn, august, window_days=60)
    before = segments_on(conn, august)
    run(conn, december, window_days=60)
    assert segments_on(conn, dt.date(2017, 11, 30)) == before
    assert segments_on(conn, december) == scored_on(conn, december)
    periods = conn.execute("SELECT DISTINCT period_from FROM marts.segment_migrations ORDER BY 1").fetchall()
    assert len(periods) == 4
    history(conn)


def test_nothing_published_and_nobody_who_bought(conn: psycopg.Connection, clock: Clock) -> None:
    nothing = {"left": 0, "entered": 0, "backfilled": 0}
    assert remember_segments(conn, clock=clock) == nothing
    segment_customers(conn, clock=clock)
    assert remember_segments(conn, clock=clock) == nothing
    assert conn.execute("SELECT count(*) FROM marts.segment_migrations").fetchone() == (0,)


def test_one_customer(conn: psycopg.Connection) -> None:
    fill(conn, customers=1, days=40)
    assert run(conn, DAY) == {"left": 0, "entered": 0, "backfilled": 1}
    assert segments_on(conn, DAY).keys() == {1}


def test_the_past_is_scored_by_cuts_where_the_run_was(conn: psycopg.Connection) -> None:
    fill(conn, customers=60, days=100)
    november = dt.date(2017, 11, 30)
    segment_customers(conn, clock=clock_of(november), scoring="cuts")
    expected = scored_on(conn, november)
    segment_customers(conn, clock=clock_of(DAY), scoring="cuts")
    remember_segments(conn, clock=clock_of(DAY))
    assert segments_on(conn, november) == expected


def test_what_is_known_is_noted(conn: psycopg.Connection) -> None:
    fill(conn, customers=20, days=70)
    run(conn, DAY)
    query = "SELECT data_as_of, row_count FROM ops.table_freshness WHERE table_name = 'models.segment_memberships'"
    assert conn.execute(query).fetchone() == (DAY, len(history(conn)))


@pytest.mark.parametrize("scoring", ["quantile", "cuts"])
def test_the_same_value_has_the_same_score(conn: psycopg.Connection, clock: Clock, scoring: str) -> None:
    fill(conn, customers=300, days=90)
    run_id = segment_customers(conn, clock=clock, scoring=scoring).run_id
    for value in ("recency", "frequency", "monetary"):
        column = "recency_days" if value == "recency" else value
        query = (
            f"SELECT count(*) FROM (SELECT FROM models.rfm WHERE run_id = %s GROUP BY {column} "
            f"HAVING min({value}_score) <> max({value}_score)) AS s"
        )
        assert conn.execute(query, [run_id]).fetchone() == (0,)


def test_scores_by_cuts_are_as_the_file_says(conn: psycopg.Connection, clock: Clock) -> None:
    fill(conn, customers=300, days=90)
    summary = segment_customers(conn, clock=clock, scoring="cuts")
    query = (
        "SELECT recency_days, frequency, monetary, recency_score, frequency_score, monetary_score "
        "FROM models.rfm WHERE run_id = %s"
    )
    rows = conn.execute(query, [summary.run_id]).fetchall()
    assert len(rows) > 100
    for recency, frequency, monetary, *scores in rows:
        assert scores == [
            5 - sum(recency > cut for cut in (7, 14, 30, 60)),
            1 + sum(frequency >= cut for cut in (2, 4, 8, 16)),
            1 + sum(monetary >= cut for cut in (50, 100, 250, 500)),
        ]
    assert {row[3] for row in rows} == {1, 2, 3, 4, 5}
    parameters = conn.execute("SELECT parameters FROM models.runs").fetchone()
    assert parameters == (
        {
            "window_days": 365,
            "scoring": "cuts",
            "cuts": {
                "recency_days": [7, 14, 30, 60],
                "frequency": [2, 4, 8, 16],
                "monetary": ["50", "100", "250", "500"],
            },
        },
    )


def test_another_scoring_is_refused(conn: psycopg.Connection, clock: Clock) -> None:
    with pytest.raises(DefinitionError, match="scoring is 'median'; it can be quantile or cuts"):
        segment_customers(conn, clock=clock, scoring="median")


def test_the_run_says_whether_it_is_better_and_how_long_it_took(conn: psycopg.Connection, clock: Clock) -> None:
    fill(conn, customers=40, days=90)
    summary = segment_customers(conn, clock=clock)
    row = conn.execute("SELECT verdict, reason, seconds > 0 FROM models.runs").fetchone()
    better = summary.metrics["auc"] > summary.baseline["auc"]
    assert row == ("better" if better else "not_better", summary.reason, True)
    (score,) = summary.metrics["scores"]
    assert (score["metric"], score["ours"], score["baseline_value"], score["better"]) == (
        "auc",
        summary.metrics["auc"],
        summary.baseline["auc"],
        better,
    )
    assert summary.published, "it describes, better or not"
