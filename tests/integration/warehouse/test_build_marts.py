"""Marts follow core and the published models; building them again, or from scratch, gives the same rows."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from marketflow.evaluation import evaluate_campaigns
from marketflow.recommenders import mine_association_rules, recommend_products, relate_products
from marketflow.segments import segment_customers
from marketflow.shared import Clock, DefinitionError, settings
from marketflow.warehouse import build_core, build_marts
from table_rows import give, load, marts, small_shop

DAY = dt.date(2017, 12, 31)


@pytest.fixture
def shop(conn: psycopg.Connection, clock: Clock) -> psycopg.Connection:
    """A warehouse with core, one published run of each model, and marts."""
    small_shop(conn)
    build_core(conn, clock=clock)
    segment_customers(conn, clock=clock)
    mine_association_rules(conn, clock=clock, min_support=0.01)
    recommend_products(conn, clock=clock)
    relate_products(conn, clock=clock)
    build_marts(conn, clock=clock)
    return conn


def test_what_is_made_of_a_model_is_as_old_as_the_model(shop: psycopg.Connection) -> None:
    known = freshness(shop)
    for table in ("product_recommendations", "related_products", "association_rules"):
        assert known[f"marts.{table}"] == DAY, table


def test_all_marts_are_filled(shop: psycopg.Connection) -> None:
    filled = {table: len(rows) for table, rows in marts(shop).items()}
    later = (
        "attributed_orders", "campaign_arms", "campaign_attribution", "campaign_performance", "campaign_recommendations",
        "campaign_results", "campaign_uplift", "cluster_profiles", "open_baskets", "sales_forecasts", "segment_migrations",
    )  # fmt: skip
    assert [filled.pop(f"marts.{table}") for table in later] == [0] * len(later)  # what fills them has not run
    assert all(filled.values()), filled
    assert filled["marts.customer_360"] == 40
    assert filled["marts.revenue_daily"] == 90


def test_a_second_build_finds_nothing_and_a_forced_one_changes_nothing(shop: psycopg.Connection, clock: Clock) -> None:
    before = marts(shop)
    assert not build_marts(shop, clock=clock).changed
    forced = build_marts(shop, clock=clock, force=True)
    assert forced.changed
    assert forced.days == 90
    assert marts(shop) == before


def test_touched_days_alone_give_what_building_everything_gives(shop: psycopg.Connection, clock: Clock) -> None:
    load(shop, 9, "orders")
    change = {"load_id": 9, "file_id": 900, "customer_ref": "1", "product_ref": "p1"}
    moved = {**change, "order_ref": "o0", "ordered_at": "2017-12-25T17:00:00Z", "amount": 99}
    late = {**change, "order_ref": "late", "ordered_at": "2017-11-05T17:00:00Z"}
    give(shop, "raw.order_lines", [moved, late])
    build_core(shop, clock=clock)
    summary = build_marts(shop, clock=clock)
    assert summary.days == 3  # the day it left, the day it came to, the late order's
    incremental = marts(shop)
    build_marts(shop, clock=clock, force=True)
    assert marts(shop) == incremental


def test_a_published_model_wakes_the_marts_and_a_test_run_does_not(shop: psycopg.Connection, clock: Clock) -> None:
    segment_customers(shop, clock=clock, is_test=True)
    segment_customers(shop, clock=clock, as_of=DAY - dt.timedelta(days=1))
    assert not build_marts(shop, clock=clock).changed
    segment_customers(shop, clock=clock)
    assert build_marts(shop, clock=clock).changed


def test_each_mart_knows_what_its_oldest_source_knows(conn: psycopg.Connection, clock: Clock) -> None:
    small_shop(conn)
    build_core(conn, clock=clock)
    build_marts(conn, clock=clock)
    assert freshness(conn)["marts.revenue_daily"] == DAY
    assert freshness(conn)["marts.customer_360"] is None  # no segments yet
    assert freshness(conn)["marts.product_recommendations"] is None
    segment_customers(conn, clock=clock)
    build_marts(conn, clock=clock)
    assert freshness(conn)["marts.customer_360"] == DAY
    assert freshness(conn)["marts.product_recommendations"] is None
    next_day = Clock(time_zone=clock.time_zone, pinned_day=DAY + dt.timedelta(days=1))
    load(conn, 9, "orders")
    order = {"load_id": 9, "file_id": 900, "order_ref": "n", "product_ref": "p1"}
    give(conn, "raw.order_lines", [{**order, "ordered_at": "2018-01-01T17:00:00Z"}])
    build_core(conn, clock=next_day)
    build_marts(conn, clock=next_day)
    assert freshness(conn)["marts.revenue_daily"] == DAY + dt.timedelta(days=1)
    assert freshness(conn)["marts.customer_360"] == DAY  # the segments are of the day before


def test_every_recommendation_may_be_shown_and_what_is_to_be_discovered_was_not_bought(
    shop: psycopg.Connection,
) -> None:
    wrong = """
    SELECT count(*) FROM marts.product_recommendations AS r
    JOIN marts.products AS p USING (product_id)
    WHERE NOT p.is_recommendable OR (r.list = 'buy_again') <> EXISTS (
        SELECT FROM core.orders AS o JOIN core.order_lines AS l USING (order_id)
        WHERE o.customer_id = r.customer_id AND l.product_id = r.product_id
    )
    """
    assert shop.execute(wrong).fetchone() == (0,)


PROPOSED = """
SELECT product_name FROM marts.product_recommendations UNION SELECT related_product_name FROM marts.related_products
"""


def proposed(conn: psycopg.Connection) -> set[str]:
    return {name for (name,) in conn.execute(PROPOSED)}


def test_what_goes_out_of_stock_leaves_all_lists_with_the_next_build_and_comes_back(
    shop: psycopg.Connection, clock: Clock
) -> None:
    before = proposed(shop)
    assert {"Pasta", "Soap"} <= before
    [number] = shop.execute("SELECT product_ref FROM marts.products WHERE product_name = 'Pasta'").fetchone() or [""]
    [row] = shop.execute("SELECT to_jsonb(r) FROM raw.products AS r WHERE product_ref = %s", [number]).fetchone() or [
        {}
    ]
    for load_id, word, expected in ((9, "out_of_stock", before - {"Pasta"}), (10, "in_stock", before)):
        load(shop, load_id, "products")
        again = {"load_id": load_id, "file_id": load_id * 100, "availability": word}
        give(shop, "raw.products", [row | again | {"version_at": f"2017-12-{load_id:02}T00:00:00Z"}])
        build_core(shop, clock=clock)
        assert build_marts(shop, clock=clock).changed
        assert proposed(shop) == expected


@pytest.fixture
def excluding(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A recommendations.yaml of the test's own."""
    path = tmp_path / "recommendations.yaml"
    mine = settings().model_copy(update={"recommendations": path})
    monkeypatch.setattr("marketflow.warehouse.exclusions.settings", lambda: mine)
    return path


def test_what_a_marketer_excludes_leaves_all_lists(shop: psycopg.Connection, clock: Clock, excluding: Path) -> None:
    [number] = shop.execute("SELECT product_ref FROM marts.products WHERE product_name = 'Pasta'").fetchone() or [""]
    before = proposed(shop)
    excluding.write_text(f"exclude: {{products: ['{number}']}}\n")
    build_marts(shop, clock=clock, force=True)
    assert proposed(shop) == before - {"Pasta"}


def test_a_wrong_file_of_exclusions_stops_the_build_and_leaves_what_is_there(
    shop: psycopg.Connection, clock: Clock, excluding: Path
) -> None:
    before = marts(shop)
    excluding.write_text("exclude:\n  productz: []\n")
    with pytest.raises(DefinitionError, match=r"recommendations.yaml:2: exclude.productz: .*did you mean 'products'"):
        build_marts(shop, clock=clock, force=True)
    assert marts(shop) == before


def test_what_is_put_into_the_online_basket_is_known_until_it_is_bought(shop: psycopg.Connection, clock: Clock) -> None:
    then = clock.now() - dt.timedelta(days=1)
    put = {"event_ref": "e1", "event_type": "product_added", "customer_ref": "1", "product_ref": "p1"}
    load(shop, 9, "events")
    give(shop, "raw.events", [{"load_id": 9, "file_id": 900, **put, "occurred_at": then.isoformat()}])
    build_core(shop, clock=clock)
    assert build_marts(shop, clock=clock).changed
    open_basket = (
        "SELECT p.product_ref, o.added_at FROM marts.open_baskets AS o JOIN marts.products AS p USING (product_id)"
    )
    assert shop.execute(open_basket).fetchall() == [("p1", then)]
    build_marts(shop, clock=replace(clock, offset=dt.timedelta(days=14)), force=True)
    assert shop.execute(open_basket).fetchall() == []
    load(shop, 10, "orders")
    bought = {"order_ref": "n", "customer_ref": "1", "product_ref": "p1", "ordered_at": clock.now().isoformat()}
    give(shop, "raw.order_lines", [{"load_id": 10, "file_id": 1000, **bought}])
    build_core(shop, clock=clock)
    build_marts(shop, clock=clock)
    assert shop.execute(open_basket).fetchall() == []


def test_pairs_that_are_bought_together_are_related(shop: psycopg.Connection) -> None:
    best = shop.execute(
        "SELECT p.product_name, r.related_product_name FROM marts.related_products AS r "
        "JOIN marts.products AS p USING (product_id) WHERE r.rank = 1 AND r.relation = 'bought_together'"
    ).fetchall()
    assert {("Pasta", "Soap"), ("Soap", "Pasta"), ("Butter", "Bacon"), ("Bacon", "Butter")} <= set(best)


def test_the_ledgers_mart_is_left_to_evaluation(shop: psycopg.Connection, clock: Clock) -> None:
    (point, customer), *_ = shop.execute("SELECT contact_point_id, customer_id FROM core.contact_points").fetchall()
    give(shop, "activation.plans", [{"plan_id": 1}])
    sent = {"contact_point_id": point, "customer_id": customer, "settled_at": "2017-12-01T12:00:00Z"}
    give(shop, "activation.sends", [{"send_id": 1, "message_id": "m1", **sent}])
    assert evaluate_campaigns(shop, clock=clock, attribution_days=7) == 1
    evaluated = marts(shop)
    assert evaluated["marts.campaign_performance"]
    build_marts(shop, clock=clock, force=True)
    assert marts(shop) == evaluated
    assert evaluate_campaigns(shop, clock=clock, attribution_days=7) == 1
    assert marts(shop) == evaluated


def test_an_empty_warehouse_gives_empty_marts(conn: psycopg.Connection, clock: Clock) -> None:
    build_marts(conn, clock=clock, force=True)
    assert not any(marts(conn).values())
    assert evaluate_campaigns(conn, clock=clock, attribution_days=7) == 0


def freshness(conn: psycopg.Connection) -> dict[str, dt.date | None]:
    return dict(conn.execute("SELECT table_name, data_as_of FROM ops.table_freshness").fetchall())
