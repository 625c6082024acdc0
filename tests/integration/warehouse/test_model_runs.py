"""What holds for every model's run: judged beside its baseline, refused with a reason, nothing left behind."""

from __future__ import annotations

import datetime as dt
from typing import Any

import psycopg
import pytest

from integration.segments.conftest import DAY, fill
from marketflow.segments import remember_segments, segment_customers
from marketflow.shared import Clock, ConfigurationError, NotEnoughData
from marketflow.warehouse import (
    ModelRun,
    ModelSummary,
    Outcome,
    Score,
    build_marts,
    copy_frame,
    drop_old_runs,
    fetch_frame,
    run_model,
)


def score(ours: float | None, baseline: float | None = 0.5, **more: Any) -> Score:
    return Score(
        metric="auc", ours=ours, baseline="a coin", baseline_value=baseline, split="", higher_is_better=True, **more
    )


def run(conn: psycopg.Connection, clock: Clock, *scores: Score, **asked: Any) -> ModelSummary:
    """A model with a row for one customer, and the scores that are given."""
    import pandas as pd

    def work(started: ModelRun) -> Outcome:
        row = {"customer_id": 1, "alive_probability": 1.0, "expected_orders": 1.0, "expected_order_value": 1.0}
        frame = pd.DataFrame([{"run_id": started.run_id, **row, "customer_value": 1.0}])
        return Outcome(rows=copy_frame(conn, "models.customer_values", frame), scores=scores)

    return run_model(conn, "customer_values", work, clock=clock, parameters={}, **asked)


@pytest.fixture
def shop(conn: psycopg.Connection) -> psycopg.Connection:
    fill(conn)
    return conn


@pytest.mark.parametrize(
    ("scores", "verdict", "published"),
    [
        ([score(0.6)], "better", True),
        ([score(0.5)], "not_better", False),
        ([score(0.5, or_equal=True)], "better", True),
        ([score(0.6), score(0.4, decides=False)], "better", True),
        ([score(0.6), score(0.4)], "not_better", False),
        ([score(None)], "not_measured", False),
        ([score(0.6), score(None)], "not_measured", False),
        ([score(float("nan"))], "not_better", False),
        ([], "not_measured", False),
    ],
)
def test_what_is_not_better_is_stored_and_not_published(
    shop: psycopg.Connection, clock: Clock, scores: list[Score], verdict: str, published: bool
) -> None:
    found = run(shop, clock, *scores)
    assert (found.published, found.rows) == (published, 1)
    row = shop.execute("SELECT state, verdict, reason IS NULL, row_count, seconds >= 0 FROM models.runs").fetchone()
    assert row == ("done", verdict, published, 1, True)
    assert shop.execute("SELECT count(*) FROM models.published").fetchone() == (int(published),)
    assert shop.execute("SELECT count(*) FROM models.customer_values").fetchone() == (1,)


@pytest.mark.parametrize(
    ("scores", "verdict"),
    [([], ("not_measured", None)), ([score(0.4)], ("not_better", "not better than the baseline"))],
)
def test_what_describes_is_published_without_a_baseline(
    shop: psycopg.Connection, clock: Clock, scores: list[Score], verdict: tuple[str, str | None]
) -> None:
    found = run(shop, clock, *scores, describes=True)
    assert found.published
    row = shop.execute("SELECT verdict, split_part(reason, ':', 1), row_count FROM models.runs").fetchone()
    assert row == (*verdict, 1)
    assert shop.execute("SELECT run_id FROM models.published").fetchall() == [(found.run_id,)]
    assert not run(shop, clock, *scores, describes=True, is_test=True).published


def test_a_refused_run_leaves_its_reason_and_nothing_else(shop: psycopg.Connection, clock: Clock) -> None:
    kept = run(shop, clock, score(0.6))

    def work(started: ModelRun) -> Outcome:
        shop.execute("INSERT INTO models.customer_values VALUES (%s, 1, 1, 1, 1, 1)", [started.run_id])
        raise NotEnoughData("one customer is too few")

    found = run_model(shop, "customer_values", work, clock=clock, parameters={})
    assert (found.published, found.rows, found.reason) == (False, 0, "one customer is too few")
    rows = shop.execute("SELECT state, reason FROM models.runs WHERE run_id = %s", [found.run_id]).fetchall()
    assert rows == [("refused", "one customer is too few")]
    assert shop.execute("SELECT run_id FROM models.customer_values").fetchall() == [(kept.run_id,)]
    assert shop.execute("SELECT run_id FROM models.published").fetchall() == [(kept.run_id,)]


@pytest.mark.parametrize(("late", "refused"), [(7, False), (9, True)])
def test_orders_that_stop_coming_are_not_customers_who_stop_buying(
    shop: psycopg.Connection, clock: Clock, late: int, refused: bool
) -> None:
    later = Clock(time_zone=clock.time_zone, pinned_day=DAY + dt.timedelta(days=late))
    found = run(shop, later, score(0.6))
    assert found.published is not refused
    if refused:
        assert found.reason is not None
        assert found.reason.startswith(f"the newest orders are of {DAY}, {late} days before")


def test_a_shop_that_pauses_may_pause(shop: psycopg.Connection, clock: Clock) -> None:
    shop.execute("DELETE FROM core.orders WHERE ordered_on BETWEEN '2017-11-01' AND '2017-11-20'")
    later = Clock(time_zone=clock.time_zone, pinned_day=DAY + dt.timedelta(days=20))
    assert run(shop, later, score(0.6)).published


def test_nobody_is_foreseen_from_a_day_to_come(shop: psycopg.Connection, clock: Clock) -> None:
    with pytest.raises(ConfigurationError, match="after the business day"):
        run(shop, clock, score(0.6), as_of=DAY + dt.timedelta(days=1))


def test_what_belongs_to_a_dropped_run_goes_with_it(shop: psycopg.Connection, clock: Clock) -> None:
    dropped, kept = (run(shop, clock, score(0.6)).run_id for _ in range(2))
    for number in (dropped, kept):
        shop.execute("INSERT INTO models.cluster_points VALUES (%s, 1, 1, 0, 0)", [number])
        shop.execute("INSERT INTO models.cluster_profiles VALUES (%s, 1, 'a', 'b', 1, 1, 1, true)", [number])
        shop.execute("INSERT INTO models.rule_items VALUES (%s, 'type', 1, 'BREAD')", [number])
    assert drop_old_runs(shop, clock, 90) == {"dropped": 1, "left": 0}
    for details in ("cluster_points", "rule_items"):
        assert shop.execute(f"SELECT run_id FROM models.{details}").fetchall() == [(kept,)], details
    assert shop.execute("SELECT run_id FROM models.cluster_profiles ORDER BY 1").fetchall() == [(dropped,), (kept,)]


def test_marts_that_were_built_too_early_hear_of_the_history(shop: psycopg.Connection, clock: Clock) -> None:
    segment_customers(shop, clock=clock)
    build_marts(shop, clock=clock)
    query = "SELECT count(*), count(segment_since) FROM marts.customer_360 WHERE segment IS NOT NULL"
    assert shop.execute(query).fetchone() == (40, 0)
    remember_segments(shop, clock=clock)
    assert build_marts(shop, clock=clock).changed
    assert shop.execute(query).fetchone() == (40, 40)
    assert remember_segments(shop, clock=clock) == {"left": 0, "entered": 0, "backfilled": 0}
    assert not build_marts(shop, clock=clock).changed


def test_texts_with_line_breaks_come_back_as_they_are(conn: psycopg.Connection) -> None:
    query = "SELECT n, CASE mod(n, 3) WHEN 0 THEN E'a\\nb\"c' WHEN 1 THEN '' END AS t FROM generate_series(1, 9) AS n"
    found = fetch_frame(conn, query)
    texts = [None if isinstance(text, float) else text for text in found["t"]]
    assert texts == [{0: 'a\nb"c', 1: "", 2: None}[n % 3] for n in range(1, 10)]
    assert len(fetch_frame(conn, "SELECT NULL::text AS t UNION ALL SELECT 'x'")) == 2
