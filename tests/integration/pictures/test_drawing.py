"""What is published is drawn and stored: the numbers of the tables, in the place of the picture before."""

from __future__ import annotations

import datetime as dt
from typing import Any

import psycopg
import pytest

from integration.segments.conftest import DAY, fill
from marketflow.pictures import Picture
from marketflow.predictions.pictures import draw_forecasts
from marketflow.segments import segment_customers
from marketflow.segments.history import remember_segments
from marketflow.segments.pictures import draw_segments
from marketflow.shared import Clock
from table_rows import give
from unit.pictures.drawn import check, texts


def stored(conn: psycopg.Connection) -> dict[str, Picture]:
    rows = conn.execute("SELECT name, title, description, svg, png FROM models.pictures").fetchall()
    return {n: Picture(name=n, title=t, description=d, svg=s, png=bytes(p)) for n, t, d, s, p in rows}


def scored(conn: psycopg.Connection, clock: Clock, **asked: Any) -> int:
    run_id = segment_customers(conn, clock=clock, **asked).run_id
    remember_segments(conn, clock=clock)
    return run_id


def give_clusters(conn: psycopg.Connection, sizes: list[int]) -> int:
    run_id = 700
    give(conn, "models.runs", [{"run_id": run_id, "model": "clusters", "state": "done"}])
    give(conn, "models.published", [{"model": "clusters", "run_id": run_id}])
    for number, size in enumerate(sizes, start=1):
        of = {"run_id": run_id, "cluster_id": number}
        profile = {"name": f"Name {number}", "description": "x", "share": size / sum(sizes), "revenue_share": 0.5}
        give(conn, "models.cluster_profiles", [of | profile | {"customers": size, "is_new": True}])
        lies = {"mean": 1.0, "overall_mean": 1.0, "difference": number - 2.5}
        give(conn, "models.cluster_features", [of | {"feature": "basket"} | lies])
        points = [of | {"customer_id": 1000 * number + n, "x": n, "y": number} for n in range(min(size, 20))]
        give(conn, "models.cluster_points", points)
    return run_id


def give_forecast(conn: psycopg.Connection, kinds: dict[str, list[str]], history: int = 100, ahead: int = 7) -> int:
    run_id = 800
    score = {"metric": "mase", "decides": True, "ours": 0.91234, "baseline": "best", "baseline_value": 0.98765}
    metrics = {"scores": [score], "coverage": 0.8123}
    give(conn, "models.runs", [{"run_id": run_id, "model": "sales_forecasts", "state": "done", "metrics": metrics}])
    give(conn, "models.published", [{"model": "sales_forecasts", "run_id": run_id}])
    past, expected = [], []
    for kind, place, series in ((k, n, name) for k, names in kinds.items() for n, name in enumerate(names)):
        of = {"series_kind": kind, "series": series}
        past += [of | {"sold_on": DAY - dt.timedelta(days=n), "revenue": 100 * place + n} for n in range(history)]
        ranges = {"run_id": run_id, "forecast": 1234.5, "low": 1000, "high": 1500}
        expected += [of | ranges | {"sold_on": DAY + dt.timedelta(days=n + 1)} for n in range(ahead)]
    give(conn, "features.daily_sales", past)
    give(conn, "models.sales_forecasts", expected)
    return run_id


def test_nothing_published_nothing_drawn(conn: psycopg.Connection, clock: Clock) -> None:
    assert draw_segments(conn, clock=clock, currency="EUR") == []
    assert draw_forecasts(conn, clock=clock, currency="EUR") == []
    assert stored(conn) == {}


def test_segments_are_drawn_with_their_numbers(shop: psycopg.Connection, clock: Clock) -> None:
    run_id = scored(shop, clock)
    assert draw_segments(shop, clock=clock, currency="EUR") == ["rfm", "segment_flow"]
    found = stored(shop)
    for picture in found.values():
        check(picture)
        assert "31 December 2017" in picture.description
    rfm, flow = texts(found["rfm"]), texts(found["segment_flow"])
    cells = "SELECT count(*) FROM models.rfm WHERE run_id = %s GROUP BY recency_score, frequency_score"
    assert all(f"\n{n}\n" in rfm for (n,) in shop.execute(cells, [run_id]))
    for segment, n in shop.execute("SELECT segment, count(*) FROM models.rfm WHERE run_id = %s GROUP BY 1", [run_id]):
        words = segment.replace("_", " ")
        assert f"{words}  {n}" in flow
        assert f"{words}: {n} customers" in found["rfm"].description
        assert f"{n} customers (" in rfm
    assert "EUR" in rfm
    assert "31 October 2017" in flow


def test_the_same_data_give_the_same_pictures(shop: psycopg.Connection, clock: Clock) -> None:
    scored(shop, clock)
    draw_segments(shop, clock=clock, currency="EUR")
    before = stored(shop)
    draw_segments(shop, clock=clock, currency="EUR")
    assert stored(shop) == before


def test_a_picture_takes_the_place_of_the_one_before(shop: psycopg.Connection, clock: Clock) -> None:
    for _ in range(2):
        run_id = scored(shop, clock)
        draw_segments(shop, clock=clock, currency="EUR")
    rows = shop.execute("SELECT name, run_ids, as_of, made_at FROM models.pictures ORDER BY name").fetchall()
    assert [row[:3] for row in rows] == [("rfm", [run_id], DAY), ("segment_flow", [run_id], DAY)]
    assert all(abs(row[3] - clock.now()) < dt.timedelta(minutes=1) for row in rows)


def test_another_days_run_is_not_drawn(shop: psycopg.Connection, clock: Clock) -> None:
    published = scored(shop, clock)
    segment_customers(shop, clock=clock, is_test=True)
    segment_customers(shop, clock=clock, as_of=DAY - dt.timedelta(days=9))
    draw_segments(shop, clock=clock, currency="EUR")
    assert shop.execute("SELECT DISTINCT run_ids FROM models.pictures").fetchall() == [([published],)]


def test_one_customer_and_a_first_month(conn: psycopg.Connection, clock: Clock) -> None:
    fill(conn, customers=1, days=10)
    scored(conn, clock, scoring="cuts")
    draw_segments(conn, clock=clock, currency="EUR")
    found = stored(conn)
    assert "No data" in texts(found["segment_flow"])
    assert "fixed limits" in texts(found["rfm"])
    for picture in found.values():
        check(picture)


def test_more_was_given_back_than_bought(shop: psycopg.Connection, clock: Clock) -> None:
    shop.execute("UPDATE core.orders SET base_revenue = -5")
    scored(shop, clock)
    draw_segments(shop, clock=clock, currency="EUR")
    check(stored(shop)["rfm"])


@pytest.mark.parametrize("sizes", [[30], [30, 20, 10], list(range(5, 25))], ids=["one", "three", "twenty"])
def test_clusters_are_drawn_with_their_numbers(conn: psycopg.Connection, clock: Clock, sizes: list[int]) -> None:
    give_clusters(conn, sizes)
    assert draw_segments(conn, clock=clock, currency="EUR") == ["clusters"]
    picture = stored(conn)["clusters"]
    check(picture)
    written = texts(picture)
    for number, size in enumerate(sizes, start=1):
        assert f"{number}, Name {number}: {size} customers" in picture.description
        assert f"Name {number}" in written
        assert f"{size} " in written
    assert "paid per order" in written
    assert "−1.5" in written  # noqa: RUF001


def test_a_run_without_clusters(conn: psycopg.Connection, clock: Clock) -> None:
    give_clusters(conn, [])
    draw_segments(conn, clock=clock, currency="EUR")
    assert "No data" in texts(stored(conn)["clusters"])


def test_forecasts_are_drawn_with_their_numbers(conn: psycopg.Connection, clock: Clock) -> None:
    run_id = give_forecast(conn, {"total": ["total"], "category": [f"CAT {n}" for n in range(9)]})
    assert draw_forecasts(conn, clock=clock, currency="EUR") == ["forecast", "forecast_by_category"]
    found = stored(conn)
    for picture in found.values():
        check(picture)
    total, categories = texts(found["forecast"]), texts(found["forecast_by_category"])
    assert "8,642 EUR in the next 7 days" in total
    assert "MASE 0.91, the best of the simple methods 0.99. The band held 81 % of the days" in total
    assert "8,642 EUR in the next 7 days, after 21 EUR in the 7 days before" in found["forecast"].description
    assert "between 1,000 and 1,500 EUR" in found["forecast"].description
    assert [f"CAT {n}" in categories for n in range(9)] == [False] * 3 + [True] * 6, "those of which most was sold"
    rows = conn.execute("SELECT DISTINCT run_ids, as_of FROM models.pictures").fetchall()
    assert rows == [([run_id], DAY)]


def test_a_forecast_that_was_not_measured_and_one_without_history(conn: psycopg.Connection, clock: Clock) -> None:
    give_forecast(conn, {"total": ["total"]}, history=0, ahead=1)
    conn.execute("UPDATE models.runs SET metrics = '{}'")
    draw_forecasts(conn, clock=clock, currency="EUR")
    picture = stored(conn)["forecast"]
    check(picture)
    assert "is not measured yet" in texts(picture)
    assert "1,234 EUR on the next day" in texts(picture)


def test_a_run_without_a_forecast(conn: psycopg.Connection, clock: Clock) -> None:
    give_forecast(conn, {})
    assert draw_forecasts(conn, clock=clock, currency="EUR") == ["forecast"]
    assert "No data" in texts(stored(conn)["forecast"])


def test_a_later_day_than_the_runs_is_not_shown(conn: psycopg.Connection, clock: Clock) -> None:
    give_forecast(conn, {"total": ["total"]})
    draw_forecasts(conn, clock=clock, currency="EUR")
    before = stored(conn)
    late = {"series_kind": "total", "series": "total", "sold_on": DAY + dt.timedelta(days=1), "revenue": 9_999_999}
    give(conn, "features.daily_sales", [late])
    draw_forecasts(conn, clock=clock, currency="EUR")
    assert stored(conn) == before
