"""Sales forecasts in a warehouse: what is kept by day, what a run sees, what it writes, and what it refuses."""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Callable
from typing import Any
from zoneinfo import ZoneInfo

import psycopg
import pytest

from marketflow.predictions.forecast import forecast_sales
from marketflow.predictions.forecast.series import keep_daily_sales, read_promotions, read_sales
from marketflow.shared import Clock
from marketflow.warehouse import ModelSummary, build_marts, record_changes
from table_rows import give, have

DAY = dt.date(2017, 12, 31)
NOW = dt.datetime(2018, 1, 1, 12, tzinfo=dt.UTC)
KEPT = ["sold_on", "series_kind", "series", "revenue"]
WEEK = (8, 9, 9, 10, 12, 15, 11)
RUN_ROWS = "SELECT to_jsonb(f) - 'run_id' FROM models.{} AS f WHERE f.run_id = %s ORDER BY 1"


@pytest.fixture
def clock() -> Clock:
    return Clock(time_zone=ZoneInfo("America/New_York"), pinned_day=DAY)


def sell(
    conn: psycopg.Connection, amounts: dict[int, list[float]], *, product: str = "a", customer: int | None = None
) -> None:
    """Orders of one line on days before DAY: the amounts by how many days ago it was."""
    (known,) = conn.execute("SELECT coalesce(max(order_id), 0) FROM core.orders").fetchone() or (0,)
    lines = [(ago, amount) for ago, several in amounts.items() for amount in several]
    orders, baskets = [], []
    for number, (ago, amount) in enumerate(lines, start=known + 1):
        orders.append({
            "order_id": number, "external_id": f"o{number}", "customer_id": customer, "revenue": amount,
            "base_revenue": amount, "ordered_on": DAY - dt.timedelta(days=ago), "kind": "sale" if amount > 0 else "return",
        })  # fmt: skip
        baskets.append({
            "order_id": number, "first_no": 1, "record_nos": "{1}", "product_refs": f"{{{product}}}",
            "quantities": "{1}", "amounts": f"{{{amount}}}",
        })  # fmt: skip
    give(conn, "core.orders", orders)
    give(conn, "core.baskets", baskets)


def usual(days: int, seed: int = 1, scale: float = 1.0) -> dict[int, list[float]]:
    """A shop's days until DAY, busiest at the end of the week."""
    rng = random.Random(seed)
    return {ago: [round(scale * WEEK[-ago % 7] * rng.uniform(0.8, 1.2), 2) for _ in range(2)] for ago in range(days)}


@pytest.fixture
def shop(conn: psycopg.Connection) -> psycopg.Connection:
    """Four months of three products, two customers in segments, and guests."""
    give(conn, "core.customers", [{"customer_id": n} for n in range(1, 5)])
    products = [("a", "GROCERY"), ("b", "DRUG GM"), ("c", None)]
    give(conn, "core.products", [
        {"product_id": n, "external_id": ref, "department": word} for n, (ref, word) in enumerate(products, start=1)
    ])  # fmt: skip
    sell(conn, usual(120), product="a", customer=1)
    sell(conn, usual(120, 2), product="b", customer=2)
    sell(conn, usual(120, 3, 0.5), product="c")
    give(conn, "models.segment_memberships", [
        {"customer_id": 1, "segment": "champions", "entered_on": "2017-07-31"},
        {"customer_id": 2, "segment": "new", "entered_on": "2017-07-31", "left_on": "2017-10-15"},
        {"customer_id": 2, "segment": "loyal", "entered_on": "2017-10-15"},
    ])  # fmt: skip
    return conn


def run(conn: psycopg.Connection, clock: Clock, **asked: Any) -> ModelSummary:
    return forecast_sales(conn, clock=clock, country="US", **asked)


def written(conn: psycopg.Connection, summary: ModelSummary) -> list[list[Any]]:
    """The run's rows of both tables, without its number."""
    tables = ("sales_forecasts", "forecast_scores")
    return [conn.execute(RUN_ROWS.format(table), [summary.run_id]).fetchall() for table in tables]


def test_every_series_gets_its_days_with_an_interval_and_scores(shop: psycopg.Connection, clock: Clock) -> None:
    found = run(shop, clock)
    query = """
    SELECT series_kind, series, count(*), min(sold_on), max(sold_on), bool_and(low <= forecast AND forecast <= high)
    FROM models.sales_forecasts WHERE run_id = %s GROUP BY series_kind, series ORDER BY 1, 2
    """
    rows = shop.execute(query, [found.run_id]).fetchall()
    span = (28, dt.date(2018, 1, 1), dt.date(2018, 1, 28), True)
    series = {("category", c) for c in ("DRUG GM", "GROCERY", "other")} | {("total", "total")}
    assert {tuple(row[:2]) for row in rows} > series
    assert {row[1] for row in rows if row[0] == "segment"} <= {"champions", "guests", "loyal", "new", "no segment"}
    assert {tuple(row[2:]) for row in rows} == {span}
    assert found.rows == 28 * len(rows)
    chosen = shop.execute(
        "SELECT series, origins, method, mase, coverage FROM models.forecast_scores WHERE run_id = %s AND is_chosen"
        " AND series_kind = 'total' ORDER BY origins",
        [found.run_id],
    ).fetchall()
    assert [row[1] for row in chosen] == ["scoring", "selection"]
    assert chosen[0][2:] == (found.metrics["method"], pytest.approx(found.metrics["mase"], abs=1e-5), pytest.approx(
        found.metrics["coverage"], abs=1e-5
    ))  # fmt: skip
    parameters = shop.execute(
        "SELECT parameters, data_to FROM models.runs WHERE run_id = %s", [found.run_id]
    ).fetchone()
    assert parameters == ({"horizon_days": 28, "country": "US", "interval": 0.8}, DAY)
    scores = found.metrics["scores"]
    assert [s["baseline"] for s in scores if s["decides"]] == [
        "best in hindsight of seasonal naive, same-weekday mean, ETS, ARIMA"
    ]
    assert found.published is (scores[0]["ours"] <= scores[0]["baseline_value"])
    into_the_mart(shop, clock, found)


def into_the_mart(conn: psycopg.Connection, clock: Clock, found: ModelSummary) -> None:
    """A published forecast is what the mart has."""
    if not found.published:
        conn.execute("INSERT INTO models.published VALUES ('sales_forecasts', %s, %s)", [found.run_id, NOW])
    record_changes(conn, "model", ["sales_forecasts"], NOW)
    build_marts(conn, clock=clock)
    assert conn.execute("SELECT count(*), min(as_of) FROM marts.sales_forecasts").fetchone() == (found.rows, DAY)


def test_nothing_after_the_day_is_seen(shop: psycopg.Connection, clock: Clock) -> None:
    """The rows of a warehouse from which everything after the day was deleted, before and after it was."""
    day = DAY - dt.timedelta(days=20)
    give(shop, "core.products", [{"product_id": 9, "external_id": "z", "department": "OF THE FUTURE"}])
    sell(shop, {3: [5000], 2: [9000], 1: [-800]}, product="z", customer=1)
    shop.execute("DELETE FROM core.orders WHERE ordered_on = %s", [day])  # it ends with a day without orders
    before = run(shop, clock, as_of=day, is_test=True)
    gone = shop.execute("DELETE FROM core.orders WHERE ordered_on > %s RETURNING ordered_on::text", [day]).fetchall()
    record_changes(shop, "day", [key for (key,) in gone], NOW)
    after = run(shop, clock, as_of=day, is_test=True)
    assert written(shop, before) == written(shop, after)
    assert {k: v for k, v in before.metrics.items() if k != "days_written"} == {
        k: v for k, v in after.metrics.items() if k != "days_written"
    }
    assert "OF THE FUTURE" not in str(written(shop, before))
    assert not before.published
    query = "SELECT min(sold_on), max(sold_on) FROM models.sales_forecasts WHERE run_id = %s"
    assert shop.execute(query, [before.run_id]).fetchone() == (day, day + dt.timedelta(days=28))


def from_nothing(conn: psycopg.Connection, clock: Clock) -> list[Any]:
    """What is kept when it is made at once; what was kept stays as it was."""
    with conn.transaction(force_rollback=True):
        for table in ("features.daily_sales", "features.daily_sales_marks", "ops.watermarks"):
            conn.execute(f"DELETE FROM {table}")
        assert keep_daily_sales(conn, clock=clock)["days"] > 90
        return have(conn, "features.daily_sales", KEPT)


def late_order(conn: psycopg.Connection, rng: random.Random) -> set[dt.date]:
    ago = rng.randrange(140)
    sell(conn, {ago: [rng.randrange(1, 50)]}, product=rng.choice("abcn"), customer=rng.choice([None, 1, 2, 3]))
    return {DAY - dt.timedelta(days=ago)}


def deleted_day(conn: psycopg.Connection, rng: random.Random) -> set[dt.date]:
    day = DAY - dt.timedelta(days=rng.randrange(120))
    conn.execute("DELETE FROM core.orders WHERE ordered_on = %s", [day])
    return {day}


def moved_order(conn: psycopg.Connection, rng: random.Random) -> set[dt.date]:
    orders = conn.execute("SELECT order_id, ordered_on FROM core.orders ORDER BY order_id").fetchall()
    order, day = rng.choice(orders)
    later = day + dt.timedelta(days=rng.randrange(1, 9))
    conn.execute("UPDATE core.orders SET ordered_on = %s, base_revenue = 3 WHERE order_id = %s", [later, order])
    return {day, later}


def merged_customer(conn: psycopg.Connection, rng: random.Random) -> set[dt.date]:
    one, other = rng.sample([1, 2, 3, 4], 2)
    query = "UPDATE core.orders SET customer_id = %s WHERE customer_id = %s RETURNING ordered_on"
    return {day for (day,) in conn.execute(query, [one, other])}


def other_department(conn: psycopg.Connection, rng: random.Random) -> set[dt.date]:
    word = rng.choice(["GROCERY", "DELI", None])
    conn.execute("UPDATE core.products SET department = %s WHERE external_id = %s", [word, rng.choice("abc")])
    return set()


def new_product(conn: psycopg.Connection, rng: random.Random) -> set[dt.date]:
    (known,) = conn.execute("SELECT max(product_id) FROM core.products").fetchone() or (0,)
    word = rng.choice(["NEW", "GROCERY"])
    give(conn, "core.products", [{"product_id": known + 1, "external_id": f"n{known}", "department": word}])
    return set()


def other_history(conn: psycopg.Connection, rng: random.Random) -> set[dt.date]:
    conn.execute("UPDATE models.segment_memberships SET segment = %s WHERE customer_id = 1", [f"s{rng.random()}"])
    return set()


def next_segment(conn: psycopg.Connection, rng: random.Random) -> set[dt.date]:
    day = dt.date(2017, 12, rng.randrange(1, 32))
    changed = conn.execute(
        "UPDATE models.segment_memberships SET left_on = %s WHERE customer_id = 2 AND left_on IS NULL AND entered_on < %s",
        [day, day],
    )
    if changed.rowcount:
        give(conn, "models.segment_memberships", [{"customer_id": 2, "segment": "next", "entered_on": day}])
    return set()


CHANGES: list[Callable[[psycopg.Connection, random.Random], set[dt.date]]] = [
    late_order, deleted_day, moved_order, merged_customer, other_department, new_product, other_history, next_segment,
]  # fmt: skip


@pytest.mark.parametrize("seed", range(3))
def test_kept_is_as_made_at_once(shop: psycopg.Connection, clock: Clock, seed: int) -> None:
    rng = random.Random(seed)
    keep_daily_sales(shop, clock=clock)
    for _ in range(20):
        touched: set[dt.date] = set()
        for change in rng.sample(CHANGES, 2):
            touched |= change(shop, rng)
        record_changes(shop, "day", [str(day) for day in touched], NOW)
        keep_daily_sales(shop, clock=clock)
        assert have(shop, "features.daily_sales", KEPT) == from_nothing(shop, clock)


def test_only_what_changed_is_written(shop: psycopg.Connection, clock: Clock) -> None:
    assert keep_daily_sales(shop, clock=clock) == {"days": 120, "category_days": 0, "segment_days": 0}
    assert keep_daily_sales(shop, clock=clock) == {"days": 0, "category_days": 0, "segment_days": 0}
    record_changes(shop, "day", [str(DAY), "2017-12-01"], NOW)
    rng = random.Random(1)
    new_product(shop, rng)  # is in no order of the days before
    next_segment(shop, rng)  # counts from the coming month on
    assert keep_daily_sales(shop, clock=clock) == {"days": 2, "category_days": 0, "segment_days": 0}
    other_department(shop, rng)
    assert keep_daily_sales(shop, clock=clock) == {"days": 0, "category_days": 120, "segment_days": 0}
    other_history(shop, rng)
    assert keep_daily_sales(shop, clock=clock) == {"days": 0, "category_days": 0, "segment_days": 120}


def test_the_day_that_is_not_over_does_not_count(conn: psycopg.Connection, clock: Clock) -> None:
    sell(conn, {ago: [20.0] for ago in range(-1, 60)})
    found = run(conn, clock)
    assert found.metrics["history_to"] == "2017-12-31"
    assert len(numbers(conn, found)) == 28


def refused(conn: psycopg.Connection, found: ModelSummary) -> str:
    """Why the run was refused; it has left no forecast behind."""
    row = conn.execute("SELECT state, row_count, reason FROM models.runs WHERE run_id = %s", [found.run_id]).fetchone()
    assert row is not None
    assert row[:2] == ("refused", 0)
    assert not found.published
    assert have(conn, "models.sales_forecasts", []) == []
    return str(row[2])


def test_no_orders(conn: psycopg.Connection, clock: Clock) -> None:
    assert "no revenue until 2017-12-31" in refused(conn, run(conn, clock))


def test_no_order_has_a_rate(conn: psycopg.Connection, clock: Clock) -> None:
    sell(conn, usual(100))
    conn.execute("UPDATE core.orders SET base_revenue = NULL")
    assert "own currency" in refused(conn, run(conn, clock))


def test_too_few_days(conn: psycopg.Connection, clock: Clock) -> None:
    sell(conn, usual(20))
    assert refused(conn, run(conn, clock)) == "total revenue: 20 days of sales since 2017-12-12; 21 are needed"
    assert (
        len(have(conn, "features.daily_sales", ["sold_on"])) == 3 * 20
    )  # the total and its parts; not again at each refusal
    assert not any(keep_daily_sales(conn, clock=clock).values())


def test_nothing_was_sold_lately(conn: psycopg.Connection, clock: Clock) -> None:
    sell(conn, {ago + 29: several for ago, several in usual(100).items()})
    assert refused(conn, run(conn, clock)) == "the newest order is of 2017-12-02, 29 days before 2017-12-31"


def numbers(conn: psycopg.Connection, found: ModelSummary) -> list[tuple[float, float, float]]:
    """(low, forecast, high) of the total, which are numbers and in order, as those of all series are."""
    query = "SELECT low::float, forecast::float, high::float, series FROM models.sales_forecasts WHERE run_id = %s ORDER BY sold_on"
    rows = conn.execute(query, [found.run_id]).fetchall()
    assert rows
    assert all(low <= middle <= high for low, middle, high, _ in rows)  # NaN is no smaller than itself
    assert abs(sum(sum(row[:3]) for row in rows)) < 1e12
    return [row[:3] for row in rows if row[3] == "total"]


def test_after_a_gap_of_months_the_history_begins_anew(conn: psycopg.Connection, clock: Clock) -> None:
    sell(conn, usual(40))
    sell(conn, {ago + 130: several for ago, several in usual(100, scale=100).items()})
    found = run(conn, clock)
    assert found.metrics["history_from"] == "2017-11-22"
    assert max(high for _, _, high in numbers(conn, found)) < 100
    assert (found.published, found.reason) == (False, "there is too little history to measure it on")


def test_a_constant_series(conn: psycopg.Connection, clock: Clock) -> None:
    sell(conn, {ago: [20.0] for ago in range(120)})
    found = run(conn, clock)
    assert set(numbers(conn, found)) == {(20, 20, 20)}
    assert (found.metrics["mase"], found.published) == (0, True)


def test_one_customer_who_buys_now_and_then_and_a_thousand_times_in_a_day(
    conn: psycopg.Connection, clock: Clock
) -> None:
    give(conn, "core.customers", [{"customer_id": 1}])
    sell(conn, {ago: [5.0] for ago in range(0, 100, 9)} | {40: [3.0] * 1000}, customer=1)
    assert min(low for low, _, _ in numbers(conn, run(conn, clock))) == 0


def test_more_given_back_than_sold(conn: psycopg.Connection, clock: Clock) -> None:
    sell(conn, {ago: [-amount for amount in several] for ago, several in usual(120).items()})
    assert max(high for _, _, high in numbers(conn, run(conn, clock))) < 0


def test_a_category_too_young_or_gone_is_left_out_and_said(shop: psycopg.Connection, clock: Clock) -> None:
    give(shop, "core.products", [
        {"product_id": 10, "external_id": "y", "department": "YOUNG"}, {"product_id": 11, "external_id": "g", "department": "GONE"}
    ])  # fmt: skip
    sell(shop, usual(10, 5), product="y")
    sell(shop, {ago + 40: several for ago, several in usual(60, 6).items()}, product="g")
    found = run(shop, clock)
    assert found.metrics["refused"]["category YOUNG"] == "10 days of sales since 2017-12-22; 21 are needed"
    assert found.metrics["refused"]["category GONE"] == "nothing sold in the last 28 days"
    assert not {"YOUNG", "GONE"} & {row[0] for row in shop.execute("SELECT series FROM models.sales_forecasts")}


def test_the_eight_biggest_categories_and_the_rest(conn: psycopg.Connection, clock: Clock) -> None:
    words = [f"D{n}" for n in range(11)]
    give(conn, "core.products", [
        {"product_id": n + 1, "external_id": word, "department": word} for n, word in enumerate(words)
    ])  # fmt: skip
    for n, word in enumerate(words):
        sell(conn, {ago: [n + 1.0] for ago in range(30)}, product=word)
    sell(conn, {ago: [2.0] for ago in range(30)}, product="unheard-of")
    keep_daily_sales(conn, clock=clock)
    series = {each.name: float(each.values[-1]) for each in read_sales(conn, DAY) if each.kind == "category"}
    assert series == {**{f"D{n}": n + 1.0 for n in range(3, 11)}, "other": 1 + 2 + 3 + 2}


def test_promotions_are_known_when_they_are_announced(conn: psycopg.Connection, clock: Clock) -> None:
    def days(first: str, last: str | None, at: str = "2017-05-02T03:00:00Z", **more: Any) -> dict[str, Any]:
        return {"starts_on": first, "ends_on": last, "version_at": at, **more}

    campaigns = [
        days("2017-06-10", "2017-06-20"),  # written on the evening of 1 May in the shop
        days("2017-04-01", "2017-06-30"),
        days("2017-06-01", None),
        days("2017-06-20", "2017-06-10"),
        days("2017-06-10", "2017-06-20", is_deleted=True),
        days("2017-08-01", "2017-08-31", "2017-06-30T12:00:00Z"),
    ]
    give(conn, "core.campaigns", [{"external_id": str(n), **campaign} for n, campaign in enumerate(campaigns)])
    coupon = {
        "external_id": "c",
        "valid_from": "2017-07-01",
        "valid_until": "2017-07-09",
        "version_at": "2017-06-01T12:00:00Z",
    }
    give(conn, "core.coupons", [coupon])

    def known(as_of: dt.date) -> list[tuple[str, str, str]]:
        found = read_promotions(conn, as_of, clock)
        return [(f"{p.first_on:%m-%d}", f"{p.last_on:%m-%d}", f"{p.known_on:%m-%d}") for p in found]

    spring, june = ("04-01", "06-30", "05-01"), ("06-10", "06-20", "05-01")
    assert known(dt.date(2017, 4, 30)) == []  # it has begun, and nobody has said until when it lasts
    assert known(dt.date(2017, 5, 1)) == [spring, june]
    assert known(DAY) == [spring, june, ("07-01", "07-09", "06-01"), ("08-01", "08-31", "06-30")]


@pytest.mark.parametrize("days", [0, 366, -1])
def test_a_horizon_that_makes_no_sense(conn: psycopg.Connection, clock: Clock, days: int) -> None:
    with pytest.raises(ValueError, match="between 1 and 365"):
        run(conn, clock, horizon_days=days)


def test_a_horizon_longer_than_can_be_tried(conn: psycopg.Connection, clock: Clock) -> None:
    sell(conn, usual(100))
    rows = numbers(conn, run(conn, clock, horizon_days=92))
    assert len(rows) == 92
    assert rows[-1][2] - rows[-1][0] > rows[0][2] - rows[0][0]
