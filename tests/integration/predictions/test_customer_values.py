"""Customer values over core: the published figures, what counts as what, nothing seen of the future, bad input."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import psycopg
import pytest

from marketflow.predictions.value.bgnbd import fit_bgnbd
from marketflow.predictions.value.gamma_gamma import fit_gamma_gamma
from marketflow.predictions.value.history import (
    History,
    bought_after,
    gather_purchases,
    history_until,
    repeats_by_day,
)
from marketflow.predictions.value.model import weigh_memories, weighed
from marketflow.predictions.value.run import value_customers
from marketflow.shared import Clock
from marketflow.warehouse import ModelSummary
from table_rows import give

DAY = dt.date(2017, 12, 31)
CALIBRATED = dt.date(1997, 9, 30)
Order = tuple[int, dt.date, float]


def fill(conn: psycopg.Connection, orders: Iterable[Order]) -> None:
    """Orders of (customer, day, money) in core, with their customers."""
    rows = list(orders)
    given = [{"customer_id": n} for n in sorted({customer for customer, _, _ in rows})]
    give(conn, "core.customers", given)
    columns = (
        "order_id, source, external_id, customer_id, ordered_at, ordered_on, line_count, revenue, discount, currency, "
        "file_id, kind, base_revenue"
    )
    with conn.cursor() as cursor, cursor.copy(f"COPY core.orders ({columns}) FROM STDIN") as copy:
        for n, (customer, day, money) in enumerate(rows):
            at = dt.datetime.combine(day, dt.time(12), dt.UTC)
            copy.write_row((n + 1, "shop", f"o{n}", customer, at, day, 1, money, 0, "USD", 1, "sale", money))


def more(conn: psycopg.Connection, *orders: dict[str, object]) -> None:
    """Further orders, which say what is special about them."""
    rows = [{"order_id": 10**6 + n, "external_id": f"m{n}", "base_revenue": 5, **o} for n, o in enumerate(orders)]
    give(conn, "core.orders", rows)


def ago(days: int) -> dt.date:
    return DAY - dt.timedelta(days=days)


def shoppers(customers: int = 60, *, days: int = 400, seed: int = 7) -> list[Order]:
    """Orders of customers, each with a rhythm of her own, some of whom leave."""
    rng = np.random.default_rng(seed)
    orders: list[Order] = []
    for customer in range(1, customers + 1):
        gap, spend = rng.gamma(2, 8), rng.gamma(4, 8)
        at = float(rng.integers(days // 2, days))
        while at >= 0:
            orders.append((customer, ago(int(at)), round(float(spend * rng.gamma(4, 0.25)) + 0.01, 2)))
            if rng.random() < 0.05:
                break
            at -= 1 + rng.exponential(gap)
    return orders


def summed_up(conn: psycopg.Connection, cut: dt.date = DAY, *, window_days: int | None = None) -> History:
    gather_purchases(conn, as_of=cut, window_days=window_days)
    return history_until(conn, cut, 90)


def of(history: History, customer: int) -> dict[str, float]:
    """A customer's figures."""
    row = history.frame[history.frame["customer_id"] == customer].iloc[0]
    return dict(row)


def stored(conn: psycopg.Connection, run: ModelSummary) -> list[tuple]:
    query = (
        "SELECT customer_id, alive_probability, expected_orders, expected_order_value, customer_value "
        "FROM models.customer_values WHERE run_id = %s ORDER BY 1"
    )
    return conn.execute(query, [run.run_id]).fetchall()


@pytest.fixture
def cdnow(conn: psycopg.Connection) -> psycopg.Connection:
    """Core with CDNOW's sample: 2,357 customers' purchases from January 1997 to June 1998."""
    folder = Path(next(iter(find_spec("lifetimes").submodule_search_locations)))
    lines = [line.split() for line in (folder / "datasets/CDNOW_sample.txt").read_text().splitlines()]
    fill(conn, ((int(n), dt.date.fromisoformat(day), float(usd)) for _, n, day, _, usd in lines))
    return conn


def test_the_published_parameters_come_out_of_the_warehouse(cdnow: psycopg.Connection) -> None:
    history = summed_up(cdnow, CALIBRATED)
    assert len(history.frame) == 2_357
    rhythm = history.rhythm("all")
    found = fit_bgnbd(rhythm.frequency, rhythm.recency, rhythm.age)
    assert [round(v, 3) for v in (found.r, found.alpha, found.a, found.b)] == [0.243, 4.414, 0.793, 2.426]
    days, mean = history.mean_value()
    assert (days > 0).sum() == 946
    spending = fit_gamma_gamma(days, mean)
    assert [round(v, 2) for v in (spending.p, spending.q, spending.gamma)] == [6.25, 3.74, 15.44]


def test_the_papers_holdout_is_better_than_simple_rules(cdnow: psycopg.Connection) -> None:
    clock = Clock(time_zone=ZoneInfo("America/New_York"), pinned_day=dt.date(1998, 6, 30))
    run = value_customers(cdnow, clock=clock, horizon_days=273)
    assert run.published
    assert run.rows == 2_357
    deciding = [s for s in run.metrics["scores"] if s["decides"]]
    assert {(s["metric"], s["baseline"]) for s in deciding} == {
        ("rmse_orders", "own rate so far"),
        ("rmse_orders", "as in the period before"),
    }
    assert all(s["ours"] < s["baseline_value"] for s in deciding)
    assert all(s["split"] == "learnt until 1997-09-30, measured until 1998-06-30" for s in deciding)
    test = run.metrics["backtest"]
    assert round(test["bgnbd"]["all"]["alpha"], 3) == 4.414
    assert test["weights"] is None  # there is no horizon before to learn them from
    assert test["purchases"] == 1_882
    # the paper's comparison by the number of repeats: nearly alike, and too low for all that bought more
    repeats = test["by_repeats"]
    assert [r["repeats"] for r in repeats] == ["0", "1", "2", "3", "4", "5", "6", "7+"]
    assert [r["customers"] for r in repeats] == [1411, 439, 214, 100, 62, 38, 29, 64]
    assert repeats[0]["actual"] == pytest.approx(0.237, abs=0.001)
    assert repeats[0]["bgnbd"] == pytest.approx(0.225, abs=0.001)
    weeks = test["by_week"]
    assert weeks[-1]["until"] == "1998-06-30"
    assert weeks[-1]["actual"] == 4_339
    assert weeks[-1]["expected"] == pytest.approx(4_339, rel=0.05)


def test_weights_of_an_earlier_horizon_help(cdnow: psycopg.Connection) -> None:
    clock = Clock(time_zone=ZoneInfo("America/New_York"), pinned_day=dt.date(1998, 6, 30))
    run = value_customers(cdnow, clock=clock, horizon_days=90)
    assert run.published
    assert set(run.metrics["weights"]) == {"all", "13 weeks", "4 weeks"}
    alone = [s for s in run.metrics["scores"] if s["baseline"] == "BG/NBD of all history"]
    assert [s["better"] for s in alone if s["metric"] == "rmse_orders"] == [True]


def test_a_value_is_orders_times_spending_discounted(conn: psycopg.Connection, clock: Clock) -> None:
    fill(conn, shoppers())
    plain = stored(conn, value_customers(conn, clock=clock, discount_rate=0.0))
    dear = stored(conn, value_customers(conn, clock=clock, discount_rate=0.5))
    for (_, alive, orders, spend, value), (*_, cheaper) in zip(plain, dear, strict=True):
        assert 0 <= alive <= 1
        assert float(value) == pytest.approx(orders * float(spend), abs=0.01 + 0.01 * orders)
        # half of it is bought before the middle of the horizon, at the latest
        assert (
            float(value) * 1.5 ** (-90 / 365.25) - 0.01 <= float(cheaper) <= float(value) * 1.5 ** (-40 / 365.25) + 0.01
        )


def test_a_longer_horizon_brings_more(conn: psycopg.Connection, clock: Clock) -> None:
    fill(conn, shoppers())
    short = stored(conn, value_customers(conn, clock=clock, horizon_days=28))
    long = stored(conn, value_customers(conn, clock=clock, horizon_days=56))
    assert all(a[2] < b[2] for a, b in zip(short, long, strict=True))


@pytest.mark.parametrize("horizon", [28, 90])
def test_the_future_is_not_seen(conn: psycopg.Connection, clock: Clock, horizon: int) -> None:
    fill(conn, shoppers(500, days=700))
    cut = ago(100)
    more(conn, {"customer_id": 3, "ordered_on": ago(90), "kind": "return", "base_revenue": -30})
    seeing = value_customers(conn, clock=clock, as_of=cut, horizon_days=horizon)
    conn.execute("DELETE FROM core.orders WHERE ordered_on > %s", [cut])
    blind = value_customers(conn, clock=clock, as_of=cut, horizon_days=horizon)
    assert seeing.rows > 400
    assert stored(conn, seeing) == stored(conn, blind)
    assert seeing.metrics == blind.metrics
    assert seeing.metrics["weights"] is not None
    assert not seeing.published  # of another day


def test_weights_are_learnt_before_the_test(conn: psycopg.Connection, clock: Clock) -> None:
    """What is bought in the test changes its score, and nothing of what was learnt for it."""
    fill(conn, shoppers(200, days=700))
    before = value_customers(conn, clock=clock, horizon_days=60).metrics["backtest"]
    conn.execute("DELETE FROM core.orders WHERE ordered_on > %s AND customer_id > 20", [ago(60)])
    after = value_customers(conn, clock=clock, horizon_days=60).metrics["backtest"]
    assert after["purchases"] < before["purchases"]
    for name in ("weights", "bgnbd", "expected", "expected_money"):
        assert after[name] == before[name]


def test_what_counts_as_what(conn: psycopg.Connection) -> None:
    fill(conn, [(1, ago(70), 10), (1, ago(35), 20), (1, ago(14), 30), (2, ago(7), 99)])
    more(
        conn,
        {"customer_id": 1, "ordered_on": ago(14), "base_revenue": 6},  # of the same day
        {"customer_id": 1, "ordered_on": ago(8), "kind": "return", "base_revenue": -4},  # less money, no purchase
        {
            "customer_id": 1,
            "ordered_on": ago(90),
            "kind": "return",
            "base_revenue": -50,
        },  # of before the first purchase
        {"customer_id": None, "ordered_on": ago(3)},  # a guest
        {"customer_id": 2, "ordered_on": ago(2), "kind": "cancellation", "base_revenue": -99},
        {"customer_id": 2, "ordered_on": ago(1), "base_revenue": None},  # no rate for its currency
    )
    history = summed_up(conn)
    assert history.frame["customer_id"].tolist() == [1, 2]
    one, two = of(history, 1), of(history, 2)
    assert (one["days"], one["first_ago"], one["last_ago"]) == (3, 70, 14)
    assert (one["paid_days"], one["paid"]) == (2, 20 + 30 + 6 - 4)
    assert (two["days"], two["paid_days"], two["paid"]) == (2, 0, -99)
    rhythm = history.rhythm("all")
    assert (rhythm.frequency.tolist(), rhythm.recency.tolist(), rhythm.age.tolist()) == ([2, 1], [8, 6 / 7], [10, 1])
    month = history.rhythm("4 weeks")
    assert (month.frequency.tolist(), month.age.tolist()) == ([0, 1], [2, 1])
    days, mean = history.mean_value()
    assert (days.tolist(), mean.tolist()) == ([2, 0], [26, 0])


def test_the_horizon_after_the_cut(conn: psycopg.Connection) -> None:
    fill(conn, [(1, ago(70), 10), (1, ago(60), 20), (1, ago(9), 30), (1, ago(9), 1), (2, ago(5), 7), (3, ago(80), 1)])
    gather_purchases(conn, as_of=DAY, window_days=None)
    history = history_until(conn, ago(20), 45)
    assert history.frame["customer_id"].tolist() == [1, 3]
    assert history.frame["previous_days"].tolist() == [1, 0]
    bought = bought_after(conn, history, DAY)
    assert (bought.days.tolist(), bought.money.tolist()) == ([1, 0], [31, 0])
    repeats = repeats_by_day(conn, history, DAY)
    assert {80 - n: count for n, count in enumerate(repeats) if count} == {60: 1, 9: 1}


def test_the_window_forgets(conn: psycopg.Connection) -> None:
    fill(conn, [(1, ago(70), 10), (1, ago(35), 20), (1, ago(14), 30), (2, ago(50), 9)])
    history = summed_up(conn, window_days=40)
    assert history.frame["customer_id"].tolist() == [1]
    assert (of(history, 1)["days"], of(history, 1)["first_ago"]) == (2, 35)


def test_a_thousand_orders_in_a_day_are_one_purchase_day(conn: psycopg.Connection, clock: Clock) -> None:
    orders = shoppers()
    fill(conn, orders + [(1, ago(1), 2.0)] * 1_000)
    assert of(summed_up(conn), 1)["days"] == len({day for n, day, _ in orders if n == 1} | {ago(1)})
    assert value_customers(conn, clock=clock).rows == 60


def test_negative_revenue_gets_everybodys_mean(conn: psycopg.Connection, clock: Clock) -> None:
    fill(conn, [*shoppers(), *((99, ago(n), -20.0) for n in (90, 60, 30))])
    run = value_customers(conn, clock=clock)
    facts = run.metrics["gamma_gamma"]
    assert facts["not_above_zero"] == 1
    spend = {row[0]: float(row[3]) for row in stored(conn, run)}
    assert spend[99] == pytest.approx(facts["mean_value"], abs=0.01)


def test_orders_without_any_value_are_refused(conn: psycopg.Connection, clock: Clock) -> None:
    fill(conn, shoppers())
    conn.execute("UPDATE core.orders SET base_revenue = NULL")
    run = value_customers(conn, clock=clock)
    assert not run.published
    assert "positive value" in run.reason
    assert stored(conn, run) == []


@pytest.mark.parametrize(
    ("orders", "reason"),
    [
        ([], "no customer has bought anything until 2017-12-31"),
        ([(1, ago(3), 5.0)], "at least 10 customers who bought on two days or more until 2017-12-31; there are 0"),
        ([(1, ago(n), 5.0) for n in range(300)], "there are 1"),
        ([(n, ago(n), 5.0) for n in range(1, 90)], "there are 0"),
    ],
)
def test_too_few_customers_are_refused_in_words(
    conn: psycopg.Connection, clock: Clock, orders: list[Order], reason: str
) -> None:
    fill(conn, orders)
    run = value_customers(conn, clock=clock)
    assert (run.rows, run.published) == (0, False)
    assert reason in run.reason
    kept = conn.execute("SELECT state, reason FROM models.runs WHERE run_id = %s", [run.run_id]).fetchone()
    assert kept == ("refused", run.reason)


def test_a_short_history_is_stored_and_not_published(conn: psycopg.Connection, clock: Clock) -> None:
    fill(conn, shoppers(days=60))
    run = value_customers(conn, clock=clock)
    assert run.rows == 60
    assert not run.published
    assert "too little history" in run.reason
    assert "at least 10 customers" in run.metrics["backtest"]["not_measured"]


def test_what_is_not_better_is_stored_and_not_published(conn: psycopg.Connection, clock: Clock) -> None:
    # like clockwork: the period before says it all
    fill(conn, [(n, ago(k), 5.0 + n) for n in range(1, 41) for k in range(n % 3, 364, 7 * (1 + n % 4))])
    run = value_customers(conn, clock=clock, horizon_days=84)
    assert run.rows == 40
    assert not run.published
    assert "as in the period before" in run.reason
    assert conn.execute("SELECT count(*) FROM models.published").fetchone() == (0,)


def test_all_the_same_and_every_day(conn: psycopg.Connection, clock: Clock) -> None:
    fill(conn, [(n, ago(k), 10.0) for n in range(1, 31) for k in range(200)])
    rows = stored(conn, value_customers(conn, clock=clock, horizon_days=28))
    assert len({row[1:] for row in rows}) == 1
    assert rows[0][2] == pytest.approx(28, rel=0.01)
    assert float(rows[0][3]) == pytest.approx(10, rel=0.01)


def test_a_gap_of_months(conn: psycopg.Connection, clock: Clock) -> None:
    pause = dt.timedelta(days=150)
    shoppings = shoppers(150, days=500)
    fill(conn, [(n, day if day > ago(30) else day - pause, money) for n, day, money in shoppings])
    run = value_customers(conn, clock=clock)
    rows = stored(conn, run)
    assert len(rows) == 150
    assert all(np.isfinite([float(v) for v in row]).all() for row in rows)
    assert run.metrics["alive"] < 150


def test_weights_say_nothing_wild() -> None:
    from marketflow.predictions.value.model import Expected

    expected = Expected(orders=np.full((100, 3), 1.0), alive=np.ones(100), discounted=np.ones(100), models={})
    assert weigh_memories(expected, np.zeros(100)) is None
    many = weigh_memories(expected, np.full(100, 50.0))
    assert many.sum() == pytest.approx(2)
    few = weigh_memories(
        Expected(orders=np.full((200, 3), 9.0), alive=np.ones(200), discounted=np.ones(200), models={}), np.ones(200)
    )
    assert few.sum() == pytest.approx(0.5)
    assert weighed(expected, None).tolist() == [1.0] * 100


@pytest.mark.parametrize("asked", [{"horizon_days": 0}, {"discount_rate": -1.0}, {"window_days": 0}])
def test_what_cannot_be_asked_for(conn: psycopg.Connection, clock: Clock, asked: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="horizon_days"):
        value_customers(conn, clock=clock, **asked)
