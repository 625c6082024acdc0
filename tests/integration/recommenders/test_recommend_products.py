"""A run of the recommender: two lists for everybody, honest measures, published only for the business day."""

from __future__ import annotations

import datetime as dt
import json
import random

import psycopg
import pytest

from marketflow.recommenders import recommend_products
from marketflow.shared import Clock
from marketflow.warehouse import build_core, record_changes
from table_rows import give, small_shop

DAY = dt.date(2017, 12, 31)
PRODUCTS = 150


@pytest.fixture
def shop(conn: psycopg.Connection, clock: Clock) -> psycopg.Connection:
    """Core of a month: too little to learn from."""
    small_shop(conn)
    build_core(conn, clock=clock)
    return conn


@pytest.fixture
def year(conn: psycopg.Connection) -> psycopg.Connection:
    """Half a year of 80 customers, each with a taste for a third of the products, and habits in it, twice given up."""
    rng = random.Random(5)
    give(conn, "core.customers", [{"customer_id": n} for n in range(1, 81)])
    give(conn, "core.products", [
        {"product_id": n, "external_id": f"p{n}", "product_name": f"Thing {n}", "product_type": f"TYPE {n % 6}",
         "category": f"CATEGORY {n % 3}", "department": "GROCERY"}
        for n in range(1, PRODUCTS + 1)
    ])  # fmt: skip
    orders, baskets = [], []
    for customer in range(1, 81):
        taste = [p for p in range(1, PRODUCTS + 1) if p % 3 == customer % 3]
        habits = [rng.sample(taste, 3) for _ in range(3)]
        for ago in range(rng.randrange(7), 180, 7):
            number = len(orders) + 1
            inside = {p for p in habits[ago // 60] if rng.random() < 0.7} | {rng.choice(taste)}
            many = len(inside)
            orders.append({
                "order_id": number, "external_id": f"o{number}", "customer_id": customer, "line_count": many,
                "ordered_on": DAY - dt.timedelta(days=ago), "revenue": many, "base_revenue": many, "kind": "sale",
            })  # fmt: skip
            baskets.append({
                "order_id": number, "first_no": 1, "record_nos": array(range(1, many + 1)),
                "product_refs": array(f"p{p}" for p in sorted(inside)), "quantities": array([1] * many),
                "amounts": array([1] * many),
            })  # fmt: skip
    give(conn, "core.orders", orders)
    give(conn, "core.baskets", baskets)
    return conn


def array(values: object) -> str:
    return "{" + ",".join(map(str, values)) + "}"  # type: ignore[call-overload]


def lists_of(conn: psycopg.Connection, run_id: int, name: str) -> dict[int, list[int]]:
    query = (
        "SELECT customer_id, array_agg(product_id ORDER BY rank) FROM models.product_recommendations "
        "WHERE run_id = %s AND list = %s GROUP BY 1"
    )
    return dict(conn.execute(query, [run_id, name]).fetchall())


def bought_of(conn: psycopg.Connection) -> dict[int, set[int]]:
    query = (
        "SELECT o.customer_id, array_agg(l.product_id) FROM core.orders AS o JOIN core.order_lines AS l USING (order_id) "
        "JOIN core.products AS p USING (product_id) WHERE p.in_catalogue AND o.kind = 'sale' GROUP BY 1"
    )
    return {customer: set(products) for customer, products in conn.execute(query)}


def one(conn: psycopg.Connection, query: str, *params: int) -> int:
    row = conn.execute(query, params).fetchone()
    assert row is not None
    return int(row[0])


def test_everybody_gets_what_is_new_to_her_newcomers_too(shop: psycopg.Connection, clock: Clock) -> None:
    give(shop, "core.customers", [{"customer_id": 4242}])  # has never bought
    run = recommend_products(shop, clock=clock, per_customer=3)
    discover, again = lists_of(shop, run.run_id, "discover"), lists_of(shop, run.run_id, "buy_again")
    bought = bought_of(shop)
    assert run.published
    assert run.metrics["by_rule"]  # too little to be better than that
    assert run.rows == sum(map(len, [*discover.values(), *again.values()]))
    assert len(discover[4242]) == 3
    assert 4242 not in again
    for customer, products in discover.items():
        assert not set(products) & bought.get(customer, set()), customer
    for customer, products in again.items():
        assert set(products) <= bought[customer], customer


def test_habits_are_found_again_and_tastes_discovered(year: psycopg.Connection, clock: Clock) -> None:
    run = recommend_products(year, clock=clock, per_customer=5)
    assert run.published
    assert run.metrics["ndcg_at_10, with repeats"] > run.baseline["own top products"]["ndcg_at_10, with repeats"]
    first = {customer: products[0] for customer, products in lists_of(year, run.run_id, "discover").items()}
    of_her_taste = sum(product % 3 == customer % 3 for customer, product in first.items())
    assert of_her_taste > 0.9 * len(first) > 0  # though never bought; one of three by chance
    due = year.execute(
        "SELECT count(*), count(due_on), max(due_on), min(score), max(score) FROM models.product_recommendations "
        "WHERE run_id = %s AND list = 'buy_again'",
        [run.run_id],
    ).fetchone()
    assert due is not None
    assert due[1] > 0.7 * due[0] > 0
    assert due[2] > DAY
    assert 0 < due[3] < due[4] < 1


def test_the_run_says_how_good_it_is_beside_simple_lists(year: psycopg.Connection, clock: Clock) -> None:
    run = recommend_products(year, clock=clock)
    stored = year.execute("SELECT metrics, baseline, parameters, row_count, state, verdict FROM models.runs").fetchone()
    assert stored is not None
    assert stored[:5] == (
        json.loads(json.dumps(run.metrics)), run.baseline, {"per_customer": 10, "window_days": 730}, run.rows, "done",
    )  # fmt: skip
    assert {"own top products", "user-based, 40 neighbours", "item-based", "matrix factorisation", "content"} <= set(
        run.baseline
    )
    for task in ("with repeats", "never bought"):
        ours = run.metrics["lists"][task]["ours"]["all"]
        assert 0 <= ours["ndcg"] <= ours["hit"] <= 1
        assert (
            sum(run.metrics["lists"][task]["ours"][group]["customers"] for group in ("new", "light", "heavy"))
            == (ours["customers"])
        )


def test_the_past_does_not_know_the_future(year: psycopg.Connection, clock: Clock) -> None:
    past = DAY - dt.timedelta(days=20)
    before = recommend_products(year, clock=clock, as_of=past)
    gone = (
        "DELETE FROM core.baskets WHERE order_id IN (SELECT o.order_id FROM core.orders AS o WHERE o.ordered_on > %s)"
    )
    assert year.execute(gone, [past]).rowcount
    year.execute("DELETE FROM core.orders WHERE ordered_on > %s", [past])
    after = recommend_products(year, clock=clock, as_of=past)
    for name in ("discover", "buy_again"):
        assert lists_of(year, before.run_id, name) == lists_of(year, after.run_id, name)
    assert before.metrics == after.metrics
    assert not before.published


def test_a_test_run_does_not_move_the_pointer(year: psycopg.Connection, clock: Clock) -> None:
    first = recommend_products(year, clock=clock)
    second = recommend_products(year, clock=clock, is_test=True)
    assert (first.published, second.published) == (True, False)
    assert one(year, "SELECT run_id FROM models.published") == first.run_id
    assert lists_of(year, first.run_id, "discover") == lists_of(year, second.run_id, "discover")


def test_without_orders_the_run_is_refused(conn: psycopg.Connection, clock: Clock) -> None:
    run = recommend_products(conn, clock=clock)
    assert (run.rows, run.published) == (0, False)
    assert run.reason


def scored_in(conn: psycopg.Connection, run_id: int) -> dict[int, set[int]]:
    """Customers by the run that scored them."""
    query = "SELECT DISTINCT scored_in, customer_id FROM models.product_recommendations WHERE run_id = %s"
    found: dict[int, set[int]] = {}
    for run, customer in conn.execute(query, [run_id]):
        found.setdefault(run, set()).add(customer)
    return found


def order_on(conn: psycopg.Connection, customer: int, products: list[str], day: dt.date) -> None:
    number = one(conn, "SELECT max(order_id) + 1 FROM core.orders")
    many = len(products)
    give(conn, "core.orders", [{
        "order_id": number, "external_id": f"o{number}", "customer_id": customer, "line_count": many,
        "ordered_on": day, "revenue": many, "base_revenue": many, "kind": "sale",
    }])  # fmt: skip
    give(conn, "core.baskets", [{
        "order_id": number, "first_no": 1, "record_nos": array(range(1, many + 1)), "product_refs": array(products),
        "quantities": array([1] * many), "amounts": array([1] * many),
    }])  # fmt: skip


def test_only_who_did_something_since_is_scored_again(year: psycopg.Connection, clock: Clock) -> None:
    first = recommend_products(year, clock=clock)
    assert scored_in(year, first.run_id) == {first.run_id: set(range(1, 81))}
    tomorrow = DAY + dt.timedelta(days=1)
    order_on(year, 5, ["p1", "p2"], tomorrow)
    order_on(year, 9, ["p1"], DAY - dt.timedelta(days=40))  # of long ago, and only known now
    record_changes(year, "customer", ["9", "11"], clock.now())
    give(year, "core.customers", [{"customer_id": 4242}])
    year.execute("UPDATE core.customers SET merged_into = 1 WHERE customer_id = 77")
    year.execute("UPDATE core.customers SET is_deleted = true WHERE customer_id = 78")
    year.execute("UPDATE core.customers SET is_test = true WHERE customer_id = 79")
    then = Clock(time_zone=clock.time_zone, pinned_day=tomorrow)
    second = recommend_products(year, clock=then)
    assert second.published
    assert scored_in(year, second.run_id) == {
        second.run_id: {5, 9, 11, 4242}, first.run_id: set(range(1, 81)) - {5, 9, 11, 77, 78, 79},
    }  # fmt: skip
    before, after = lists_of(year, first.run_id, "discover"), lists_of(year, second.run_id, "discover")
    assert all(after[customer] == before[customer] for customer in after if customer not in (5, 9, 11, 4242))
    again = lists_of(year, second.run_id, "buy_again")
    assert not {1, 2} & set(after[5])
    assert {1, 2} <= bought_of(year)[5]
    assert second.rows == sum(map(len, [*after.values(), *again.values()]))
    assert second.metrics["scored_customers"] == 4
    third = recommend_products(year, clock=then)
    assert scored_in(year, third.run_id).keys() == {first.run_id, second.run_id}  # nothing happened since


@pytest.mark.parametrize(
    ("days", "asked"),
    [(7, {}), (1, {"whole": True}), (1, {"is_test": True}), (1, {"per_customer": 5})],
    ids=["a week", "asked for", "a test", "other lists"],
)
def test_everybody_is_scored_again_where_the_old_lists_do_not_hold(
    year: psycopg.Connection, clock: Clock, days: int, asked: dict[str, bool]
) -> None:
    recommend_products(year, clock=clock)
    then = Clock(time_zone=clock.time_zone, pinned_day=DAY + dt.timedelta(days=days))
    run = recommend_products(year, clock=then, **asked)  # type: ignore[arg-type]
    assert scored_in(year, run.run_id) == {run.run_id: set(range(1, 81))}
    assert run.metrics["carried_from_run"] is None


def test_an_incremental_run_scores_as_a_whole_one_does(year: psycopg.Connection, clock: Clock) -> None:
    recommend_products(year, clock=clock)
    order_on(year, 5, ["p1", "p2"], DAY)
    record_changes(year, "customer", ["5"], clock.now())
    some, whole = recommend_products(year, clock=clock), recommend_products(year, clock=clock, whole=True)
    for name in ("discover", "buy_again"):
        assert lists_of(year, some.run_id, name)[5] == lists_of(year, whole.run_id, name)[5]


def test_who_has_lost_much_of_a_list_is_scored_again(year: psycopg.Connection, clock: Clock) -> None:
    first = recommend_products(year, clock=clock)
    listed = lists_of(year, first.run_id, "discover")[1][:4]
    year.execute("UPDATE marts.products SET is_recommendable = false WHERE product_id = ANY(%s)", [listed])
    second = recommend_products(year, clock=clock)
    assert 1 in scored_in(year, second.run_id)[second.run_id]
    assert not set(listed) & set(lists_of(year, second.run_id, "discover")[1])


def test_test_customers_are_left_out(year: psycopg.Connection, clock: Clock) -> None:
    year.execute("UPDATE core.customers SET is_test = true WHERE customer_id = 7")
    run = recommend_products(year, clock=clock)
    assert 7 not in lists_of(year, run.run_id, "discover")


def test_a_newcomer_to_a_quiet_shop_gets_what_sold_before(year: psycopg.Connection, clock: Clock) -> None:
    year.execute("DELETE FROM core.baskets WHERE order_id IN (SELECT order_id FROM core.orders WHERE ordered_on > %s)", [
        DAY - dt.timedelta(days=30)
    ])  # fmt: skip
    year.execute("DELETE FROM core.orders WHERE ordered_on > %s", [DAY - dt.timedelta(days=30)])
    year.execute("UPDATE core.orders SET ordered_on = ordered_on - 40 WHERE ordered_on < %s", [
        DAY - dt.timedelta(days=90)
    ])  # fmt: skip
    give(year, "core.customers", [{"customer_id": 4242}])
    run = recommend_products(year, clock=clock)
    assert len(lists_of(year, run.run_id, "discover")[4242]) == 10


def test_a_robot_makes_nothing_popular(year: psycopg.Connection, clock: Clock) -> None:
    give(year, "core.products", [
        {"product_id": n, "external_id": f"p{n}", "product_name": f"Odd {n}", "product_type": "ODD"}
        for n in range(1_000, 7_000)
    ])  # fmt: skip
    order_on(year, 80, [f"p{n}" for n in range(1_000, 7_000)], DAY)
    run = recommend_products(year, clock=clock)
    others = [p for c, products in lists_of(year, run.run_id, "discover").items() if c != 80 for p in products]
    assert others
    assert max(others) <= PRODUCTS
