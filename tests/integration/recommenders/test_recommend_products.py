"""A run of the recommender: lists for everybody, versioned rules, honest measures, published only for the business day."""

from __future__ import annotations

import datetime as dt

import psycopg
import pytest

from marketflow.recommenders import recommend_products
from marketflow.shared import Clock
from marketflow.warehouse import build_core
from table_rows import give, small_shop

DAY = dt.date(2017, 12, 31)


@pytest.fixture
def shop(conn: psycopg.Connection, clock: Clock) -> psycopg.Connection:
    """Core, without models and marts."""
    small_shop(conn)
    build_core(conn, clock=clock)
    return conn


def test_everybody_gets_a_list_newcomers_too(shop: psycopg.Connection, clock: Clock) -> None:
    give(shop, "core.customers", [{"customer_id": 4242}])  # has never bought
    run = recommend_products(shop, clock=clock, min_support=0.01, per_customer=3)
    lists = lists_of(shop, run.run_id)
    bought = bought_of(shop)
    assert run.customers == 41
    assert run.rows == sum(map(len, lists.values()))
    assert lists[4242]
    for (customer,) in shop.execute("SELECT customer_id FROM core.customers").fetchall():
        products = lists.get(customer, [])
        assert len(products) == min(3, 12 - len(bought.get(customer, set()))), customer  # 12 may be proposed at all
        assert not set(products) & bought.get(customer, set())


def test_rules_are_counted_over_all_orders(shop: psycopg.Connection, clock: Clock) -> None:
    run = recommend_products(shop, clock=clock, min_support=0.01)
    rules = shop.execute(
        "SELECT antecedents[1], consequents[1], support, confidence, lift, baskets FROM models.association_rules "
        "WHERE run_id = %s",
        [run.run_id],
    ).fetchall()
    assert len(rules) == run.rules > 20
    having = "SELECT count(DISTINCT order_id) FROM core.order_lines WHERE product_id = %s"
    both = (
        "SELECT count(*) FROM (SELECT order_id FROM core.order_lines WHERE product_id IN (%s, %s) "
        "GROUP BY order_id HAVING count(DISTINCT product_id) = 2) AS b"
    )
    for a, c, support, confidence, lift, baskets in rules:
        n_a, n_c = one(shop, having, a), one(shop, having, c)
        assert baskets == one(shop, both, a, c)
        assert (support, confidence, lift) == pytest.approx(
            (baskets / 360, baskets / n_a, baskets / n_a / (n_c / 360)), rel=1e-9
        )


def test_the_run_says_how_good_it_is_beside_popularity(shop: psycopg.Connection, clock: Clock) -> None:
    run = recommend_products(shop, clock=clock, min_support=0.01)
    stored = shop.execute("SELECT metrics, baseline, parameters, row_count, state FROM models.runs").fetchone()
    assert stored is not None
    assert stored[0] == run.metrics
    assert stored[1] == run.baseline
    assert stored[2] == {
        "min_support": 0.01, "min_confidence": 0.02, "max_len": 2, "basket_days": 3650, "per_customer": 10,
    }  # fmt: skip
    assert stored[3:] == (run.rows, "done")
    assert run.metrics["customers"] == run.baseline["customers"] > 0
    assert 0 <= run.metrics["ndcg_at_10"] <= run.metrics["hr_at_10"] <= 1


def test_the_past_does_not_know_the_future(shop: psycopg.Connection, clock: Clock) -> None:
    past = DAY - dt.timedelta(days=20)
    before = recommend_products(shop, clock=clock, min_support=0.01, as_of=past)
    gone = (
        "DELETE FROM core.baskets WHERE order_id IN (SELECT o.order_id FROM core.orders AS o WHERE o.ordered_on > %s)"
    )
    assert shop.execute(gone, [past]).rowcount
    shop.execute("DELETE FROM core.orders WHERE ordered_on > %s", [past])
    after = recommend_products(shop, clock=clock, min_support=0.01, as_of=past)
    assert lists_of(shop, before.run_id) == lists_of(shop, after.run_id)
    assert before.metrics == after.metrics
    assert not before.published


def test_a_window_of_baskets(shop: psycopg.Connection, clock: Clock) -> None:
    everything = recommend_products(shop, clock=clock, min_support=0.01)
    recent = recommend_products(shop, clock=clock, min_support=0.01, basket_days=30)
    most = "SELECT max(baskets) FROM models.association_rules WHERE run_id = %s"
    assert one(shop, most, recent.run_id) < one(shop, most, everything.run_id)


def test_a_test_run_does_not_move_the_pointer(shop: psycopg.Connection, clock: Clock) -> None:
    first = recommend_products(shop, clock=clock, min_support=0.01)
    second = recommend_products(shop, clock=clock, min_support=0.01, is_test=True)
    assert (first.published, second.published) == (True, False)
    assert one(shop, "SELECT run_id FROM models.published") == first.run_id
    assert lists_of(shop, first.run_id) == lists_of(shop, second.run_id)


def test_without_orders_nothing_is_published(conn: psycopg.Connection, clock: Clock) -> None:
    run = recommend_products(conn, clock=clock)
    assert (run.rows, run.rules, run.published) == (0, 0, False)


def lists_of(conn: psycopg.Connection, run_id: int) -> dict[int, list[int]]:
    query = (
        "SELECT customer_id, array_agg(product_id ORDER BY rank) FROM models.product_recommendations "
        "WHERE run_id = %s GROUP BY 1"
    )
    return dict(conn.execute(query, [run_id]).fetchall())


def bought_of(conn: psycopg.Connection) -> dict[int, set[int]]:
    query = (
        "SELECT o.customer_id, array_agg(l.product_id) FROM core.orders AS o JOIN core.order_lines AS l USING (order_id) "
        "JOIN core.products AS p USING (product_id) WHERE p.in_catalogue GROUP BY 1"
    )
    return {customer: set(products) for customer, products in conn.execute(query)}


def one(conn: psycopg.Connection, query: str, *params: int) -> int:
    row = conn.execute(query, params).fetchone()
    assert row is not None
    return int(row[0])
