"""Strange shops, strange baskets and strange amounts: a run of the recommender gives what it would give without them."""

from __future__ import annotations

import datetime as dt
import random
from typing import Any

import psycopg
import pytest
from psycopg import sql

from marketflow.recommenders import recommend_products, relate_products
from marketflow.shared import Clock
from marketflow.warehouse import ModelSummary
from table_rows import as_json, defaults, give, name

DAY = dt.date(2017, 12, 31)
CUSTOMERS, PRODUCTS = 45, 60
SEGMENTS = ["champions", "loyal", "lost"]


@pytest.fixture
def town(conn: psycopg.Connection) -> psycopg.Connection:
    """Half a year of people who go by habit, and who have a taste for a third of the products: enough to learn from."""
    rng = random.Random(11)
    people(conn, CUSTOMERS)
    goods(conn, range(1, PRODUCTS + 1))
    baskets = []
    for customer in range(1, CUSTOMERS + 1):
        taste = [p for p in range(1, PRODUCTS + 1) if p % 3 == customer % 3]
        habits = rng.sample(taste, 3)
        for ago in range(rng.randrange(6), 180, 6):
            inside = {p for p in habits if rng.random() < 0.7} | {rng.choice(taste)}
            baskets.append((customer, ago, sorted(inside)))
    sell(conn, baskets)
    return conn


def many(conn: psycopg.Connection, table: str, rows: list[dict[str, Any]]) -> None:
    """As `give` writes rows that all name the same columns, in one statement."""
    full = [defaults().get(table, {}) | row for row in rows]
    names = sql.SQL(", ").join(map(sql.Identifier, full[0]))
    insert = "INSERT INTO {} ({}) OVERRIDING SYSTEM VALUE SELECT {} FROM jsonb_populate_recordset(NULL::{}, %s)"
    conn.execute(sql.SQL(insert).format(name(table), names, names, name(table)), [as_json(full)])


def people(conn: psycopg.Connection, count: int) -> None:
    many(conn, "core.customers", [{"customer_id": n} for n in range(1, count + 1)])


def goods(conn: psycopg.Connection, numbers: range) -> None:
    many(conn, "core.products", [
        {"product_id": n, "external_id": f"p{n}", "product_name": f"Thing {n}", "product_type": f"TYPE {n % 6}",
         "category": f"CATEGORY {n % 3}", "department": "GROCERY"}
        for n in numbers
    ])  # fmt: skip


def sell(conn: psycopg.Connection, baskets: list[tuple[int, int, list[int]]]) -> None:
    """Of (customer, days ago, a product per line), one piece of each."""
    row = conn.execute("SELECT coalesce(max(order_id), 0) FROM core.orders").fetchone()
    first = 1 + (row[0] if row else 0)
    many(conn, "core.orders", [
        {"order_id": n, "external_id": f"o{n}", "customer_id": customer, "line_count": len(inside), "kind": "sale",
         "ordered_on": DAY - dt.timedelta(days=ago), "revenue": len(inside), "base_revenue": len(inside)}
        for n, (customer, ago, inside) in enumerate(baskets, start=first)
    ])  # fmt: skip
    many(conn, "core.baskets", [
        {"order_id": n, "first_no": 1, "record_nos": list(range(1, len(inside) + 1)), "quantities": [1] * len(inside),
         "product_refs": [f"p{p}" for p in inside], "amounts": [1] * len(inside)}
        for n, (_, _, inside) in enumerate(baskets, start=first)
    ])  # fmt: skip


def rows_of(conn: psycopg.Connection, run: ModelSummary) -> list[tuple[Any, ...]]:
    query = (
        "SELECT customer_id, list, rank, product_id, because_product_id, due_on, score FROM models.product_recommendations "
        "WHERE run_id = %s ORDER BY customer_id, list, rank"
    )
    return conn.execute(query, [run.run_id]).fetchall()


def lists_of(conn: psycopg.Connection, run: ModelSummary, which: str) -> dict[int, list[int]]:
    found: dict[int, list[int]] = {}
    for customer, name_of_list, _, product, *_ in rows_of(conn, run):
        if name_of_list == which:
            found.setdefault(customer, []).append(product)
    return found


def all_alike(conn: psycopg.Connection, first: ModelSummary, second: ModelSummary) -> None:
    """Both runs list the same for the same reasons, have learnt from as much, and are as good."""
    before, after = rows_of(conn, first), rows_of(conn, second)
    assert before
    assert [row[:-1] for row in before] == [row[:-1] for row in after]
    assert [row[-1] for row in before] == pytest.approx([row[-1] for row in after])
    assert first.metrics["lines_learnt_from"] == second.metrics["lines_learnt_from"] > 0
    assert first.metrics["lists"] == second.metrics["lists"]


def test_a_product_that_was_sold_once(town: psycopg.Connection, clock: Clock) -> None:
    once, never = PRODUCTS + 1, PRODUCTS + 2
    goods(town, range(once, never + 1))
    sell(town, [(1, 3, [once])])
    run = recommend_products(town, clock=clock, per_customer=40)
    assert run.published
    assert run.metrics["lists"]  # measured, and not refused
    mine = [row for row in rows_of(town, run) if row[3] == once and row[1] == "buy_again"]
    assert [(row[0], row[5]) for row in mine] == [(1, None)]  # hers alone, and one purchase says no day
    assert 0 < mine[0][-1] < 1
    assert once not in lists_of(town, run, "discover")[1]
    assert all(never not in products for products in lists_of(town, run, "buy_again").values())


@pytest.mark.parametrize("days", [20, 180], ids=["too short to learn from", "half a year"])
def test_a_catalogue_of_one(conn: psycopg.Connection, clock: Clock, days: int) -> None:
    people(conn, 30)
    goods(conn, range(1, 2))
    sell(conn, [(customer, ago, [1]) for customer in range(1, 26) for ago in range(customer % 5, days, 5)])
    run = recommend_products(conn, clock=clock)
    assert run.published
    assert run.metrics["by_rule"]  # there is nothing to be better at
    assert lists_of(conn, run, "buy_again") == {customer: [1] for customer in range(1, 26)}
    assert lists_of(conn, run, "discover") == {customer: [1] for customer in range(26, 31)}


def test_a_basket_that_names_a_product_on_many_lines_holds_it_once(town: psycopg.Connection, clock: Clock) -> None:
    single = recommend_products(town, clock=clock)
    doubled = ", ".join(f"{column} = {column} || {column}" for column in ("product_refs", "quantities", "amounts"))
    assert town.execute(f"UPDATE core.baskets SET {doubled}, record_nos = record_nos || record_nos").rowcount
    all_alike(town, single, recommend_products(town, clock=clock, whole=True))
    assert single.metrics["lists"]


def test_ten_thousand_lines_of_two_products(town: psycopg.Connection, clock: Clock) -> None:
    sell(town, [(1, 2, [1, 2])])
    short = recommend_products(town, clock=clock)
    town.execute(
        "UPDATE core.baskets SET product_refs = refs, quantities = ones, amounts = ones, record_nos = numbers "
        "FROM (SELECT array_agg('p' || 1 + n %% 2 ORDER BY n) AS refs, array_agg(1::numeric) AS ones, "
        "array_agg(n ORDER BY n) AS numbers FROM generate_series(1, 10000) AS n) AS s "
        "WHERE order_id = (SELECT max(order_id) FROM core.orders WHERE customer_id = %s)",
        [1],
    )
    longest = town.execute("SELECT max(cardinality(product_refs)) FROM core.baskets").fetchone()
    assert longest == (10_000,)
    all_alike(town, short, recommend_products(town, clock=clock, whole=True))


def test_ten_thousand_products_in_one_basket(town: psycopg.Connection, clock: Clock) -> None:
    plain = recommend_products(town, clock=clock)
    last = PRODUCTS + 10_000
    goods(town, range(PRODUCTS + 1, last + 1))
    sell(town, [(2, 1, list(range(PRODUCTS + 1, last + 1)))])
    run = recommend_products(town, clock=clock, whole=True)
    assert run.published
    assert run.metrics["lists"]
    again, discover = lists_of(town, run, "buy_again"), lists_of(town, run, "discover")
    assert len(again[2]) == 10
    hers = town.execute(
        "SELECT product_id FROM core.order_lines JOIN core.orders USING (order_id) WHERE customer_id = 2"
    )
    assert discover[2]
    assert not set(discover[2]) & {product for (product,) in hers}
    # her basket is nobody else's business
    for customer in set(range(1, CUSTOMERS + 1)) - {2}:
        assert len(discover[customer]) == len(lists_of(town, plain, "discover")[customer]), customer
        assert max(discover[customer] + again[customer]) <= PRODUCTS, customer


@pytest.mark.parametrize("quantities", [[0.454], [12.5], [0.454, 1.0, 12.5, 0.001, 250.0]], ids=str)
def test_weights_and_litres_count_as_one(town: psycopg.Connection, clock: Clock, quantities: list[float]) -> None:
    pieces = recommend_products(town, clock=clock)
    town.execute(
        "UPDATE core.baskets SET quantities = (SELECT array_agg((%(q)s::numeric[])"
        "[1 + (order_id + n) %% cardinality(%(q)s::numeric[])] ORDER BY n) FROM unnest(record_nos) AS n)",
        {"q": quantities},
    )
    used = {float(row[0]) for row in town.execute("SELECT DISTINCT unnest(quantities) FROM core.baskets")}
    assert used == set(quantities)
    all_alike(town, pieces, recommend_products(town, clock=clock, whole=True))


def test_what_stands_for_a_name_is_bought_by_most_and_not_most(conn: psycopg.Connection, clock: Clock) -> None:
    people(conn, 3)
    many(conn, "core.products", [
        {"product_id": n, "external_id": f"p{n}", "product_name": called, "product_type": "MILK", "category": "DAIRY"}
        for n, called in enumerate(["Fresh milk", "Fresh milk", "Fresh milk organic"], start=1)
    ])  # fmt: skip
    sell(conn, [(1, 2, [1]), (2, 3, [1]), (3, 1, [2] * 5), (3, 9, [2, 3]), (3, 15, [2])])
    conn.execute("UPDATE core.baskets SET quantities = array_replace(quantities, 1, 12.5) WHERE order_id > 2")
    run = relate_products(conn, clock=clock)
    related = conn.execute(
        "SELECT related_product_id FROM models.related_products WHERE run_id = %s AND product_id = 3", [run.run_id]
    ).fetchall()
    assert related == [(1,)]


def move(conn: psycopg.Connection, ago: int) -> None:
    """Everybody has been in another segment since so many days ago; the segments are mixed anew, not only renamed."""
    conn.execute("DELETE FROM models.segment_memberships")
    day = DAY - dt.timedelta(days=ago)
    for customer in range(1, CUSTOMERS + 1):
        was, now = SEGMENTS[customer % 3], SEGMENTS[(customer // 3 + 1) % 3]
        long_ago = {"customer_id": customer, "segment": was, "entered_on": DAY - dt.timedelta(days=300)}
        give(conn, "models.segment_memberships", [
            {**long_ago, "left_on": day}, {"customer_id": customer, "segment": now, "entered_on": day}
        ])  # fmt: skip


def test_past_days_are_looked_at_with_the_segments_of_then(town: psycopg.Connection, clock: Clock) -> None:
    move(town, -1)  # tomorrow: until then all are where they were
    stayed = recommend_products(town, clock=clock)
    move(town, 9)
    moved = recommend_products(town, clock=clock, whole=True)
    assert stayed.metrics["lists"] == moved.metrics["lists"]  # measured as of four weeks ago, learnt on days before
    assert rows_of(town, stayed) != rows_of(town, moved)  # while the lists are for who they are now
    move(town, 40)
    before = recommend_products(town, clock=clock, whole=True)
    by_segment = [run.metrics["lists"]["never bought"]["popularity by segment"] for run in (stayed, before)]
    assert by_segment[0] != by_segment[1]  # what was so four weeks ago counts


def test_segments_to_come_are_not_known(town: psycopg.Connection, clock: Clock) -> None:
    past = DAY - dt.timedelta(days=20)
    move(town, 10)
    knowing = recommend_products(town, clock=clock, as_of=past)
    town.execute("DELETE FROM models.segment_memberships WHERE entered_on > %s", [past])
    town.execute("UPDATE models.segment_memberships SET left_on = NULL")
    all_alike(town, knowing, recommend_products(town, clock=clock, as_of=past))
