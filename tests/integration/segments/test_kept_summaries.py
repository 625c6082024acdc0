"""What is kept from day to day is what summing up everything gives, whatever happens to the orders in between."""

from __future__ import annotations

import datetime as dt
import random
from zoneinfo import ZoneInfo

import psycopg
import pytest

from integration.segments.conftest import DAY, an_order, fill
from marketflow.segments import segment_customers
from marketflow.segments.summaries import keep_summaries, set_summaries_aside
from marketflow.shared import Clock
from marketflow.warehouse import record_changes
from table_rows import give, have

KEPT = ["customer_id", "frequency", "monetary", "first_order_on", "last_order_on"]


@pytest.fixture
def days() -> list[Clock]:
    """The clocks of the days from 20 before DAY until DAY."""
    return [
        Clock(time_zone=ZoneInfo("America/New_York"), pinned_day=DAY - dt.timedelta(days=20 - n)) for n in range(21)
    ]


def keep(conn: psycopg.Connection, clock: Clock, window_days: int = 30) -> bool:
    return keep_summaries(conn, clock=clock, as_of=clock.business_date(), window_days=window_days)


def as_summed_up(conn: psycopg.Connection, clock: Clock, window_days: int = 30) -> list[str]:
    set_summaries_aside(conn, as_of=clock.business_date(), window_days=window_days)
    return have(conn, "pg_temp.purchases", KEPT)


@pytest.mark.parametrize("seed", range(4))
def test_kept_is_as_summed_up(conn: psycopg.Connection, days: list[Clock], seed: int) -> None:
    fill(conn, customers=300, days=60)
    rng = random.Random(seed)
    keep(conn, days[0])
    moves = 0
    for number, clock in enumerate(days[1:]):
        if rng.random() < 0.3:
            continue  # a day without a run: the next one takes both
        disturb(conn, rng, 10_000 + number)
        moves += keep(conn, clock)
        assert have(conn, "features.purchase_summaries", KEPT) == as_summed_up(conn, clock)
    assert moves > 3


def disturb(conn: psycopg.Connection, rng: random.Random, number: int) -> None:
    """A late order, a changed one, a deleted one, and one that turns out to be another customer's; each is noted."""
    late, changed, gone, moved = (rng.randrange(1, 301) for _ in range(4))
    give(conn, "core.orders", [an_order(number, late, DAY - dt.timedelta(days=rng.randrange(50)), rng)])
    conn.execute("UPDATE core.orders SET base_revenue = base_revenue + 1 WHERE customer_id = %s", [changed])
    one = "(SELECT min(order_id) FROM core.orders WHERE customer_id = %s)"
    conn.execute(f"DELETE FROM core.orders WHERE order_id = {one}", [gone])
    conn.execute(f"UPDATE core.orders SET customer_id = %s WHERE order_id = {one}", [late, moved])
    record_changes(conn, "customer", [str(n) for n in {late, changed, gone, moved}], DAY_START)


DAY_START = dt.datetime(2017, 12, 31, 12, tzinfo=dt.UTC)


def test_only_the_touched_are_looked_at(shop: psycopg.Connection, days: list[Clock]) -> None:
    assert keep(shop, days[0]) is False  # the first time
    everybody = {n for (n,) in shop.execute("SELECT customer_id FROM features.purchase_summaries")}
    shop.execute("UPDATE features.purchase_summaries SET monetary = 4711")
    shop.execute("DELETE FROM core.orders")
    record_changes(shop, "customer", ["2"], DAY_START)
    assert keep(shop, days[0]) is True
    left = shop.execute("SELECT customer_id FROM features.purchase_summaries WHERE monetary = 4711")
    assert {n for (n,) in left} == everybody - {2} != everybody


@pytest.mark.parametrize(("day", "window"), [(4, 30), (6, 31)])
def test_an_earlier_day_and_another_window_begin_anew(
    shop: psycopg.Connection, days: list[Clock], day: int, window: int
) -> None:
    keep(shop, days[5])
    assert keep(shop, days[day], window) is False
    assert have(shop, "features.purchase_summaries", KEPT) == as_summed_up(shop, days[day], window)


def test_a_run_of_another_day_and_a_test_leave_the_kept_alone(shop: psycopg.Connection, days: list[Clock]) -> None:
    segment_customers(shop, clock=days[9])
    before = [have(shop, f"features.{table}", []) for table in ("purchase_summaries", "purchase_windows")]
    segment_customers(shop, clock=days[10], as_of=days[3].business_date())
    segment_customers(shop, clock=days[10], is_test=True)
    assert [have(shop, f"features.{table}", []) for table in ("purchase_summaries", "purchase_windows")] == before


def test_a_daily_run_scores_like_a_run_from_nothing(shop: psycopg.Connection, days: list[Clock]) -> None:
    segment_customers(shop, clock=days[19], window_days=60)
    daily = segment_customers(shop, clock=days[20], window_days=60)
    anew = segment_customers(shop, clock=days[20], window_days=60, is_test=True)
    query = "SELECT to_jsonb(m) - 'run_id' FROM models.rfm AS m WHERE m.run_id = %s ORDER BY customer_id"
    found = [shop.execute(query, [run.run_id]).fetchall() for run in (daily, anew)]
    assert found[0] == found[1]
    assert (daily.metrics, daily.baseline, daily.segments) == (anew.metrics, anew.baseline, anew.segments)
