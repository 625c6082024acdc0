"""A run of association rules: three levels, versioned, published without a baseline, refused before it explodes."""

from __future__ import annotations

import datetime as dt
from typing import Any

import psycopg
import pytest

from marketflow.recommenders.rules import estimate, mine_association_rules, run
from marketflow.shared import Clock, ConfigurationError
from marketflow.warehouse import ModelSummary, build_core, build_marts
from table_rows import give, small_shop

DAY = dt.date(2017, 12, 31)
LOW = {"min_support": 0.01, "min_support_types": 0.01, "min_support_categories": 0.01}
NAMES = ["DRY PASTA", "PASTA SAUCE", "BREAD"]


@pytest.fixture
def shop(conn: psycopg.Connection, clock: Clock) -> psycopg.Connection:
    """Twelve products in pairs that go together, 360 orders; no models and no marts."""
    small_shop(conn)
    build_core(conn, clock=clock)
    return conn


def sell(conn: psycopg.Connection, *baskets: list[int], products: int | None = None) -> None:
    """One order for each list of products; product n is of type n + 1 in `NAMES`, or nameless."""
    highest = products or max((product for basket in baskets for product in basket), default=0)
    have = conn.execute("SELECT count(*) FROM core.products").fetchone()
    catalogue: list[dict[str, Any]] = [
        {"product_id": n, "external_id": f"p{n}", "category": "FOOD", "product_type": NAMES[n % 3]}
        for n in range(1 + (have[0] if have else 0), highest + 1)
    ]
    give(conn, "core.products", catalogue)
    give(conn, "core.orders", [{"order_id": n, "external_id": f"o{n}"} for n in range(1, len(baskets) + 1)])
    lines = [(n, product) for n, basket in enumerate(baskets, start=1) for product in basket]
    numbered = [{"order_id": n, "line_no": k, "product_id": p} for k, (n, p) in enumerate(lines, start=1)]
    give(conn, "core.order_lines", numbered)


def rules_of(conn: psycopg.Connection, found: ModelSummary, level: str = "product") -> dict[tuple[Any, ...], Any]:
    query = (
        "SELECT antecedents, consequents, support, confidence, lift, leverage, baskets FROM models.association_rules "
        "WHERE run_id = %s AND level = %s"
    )
    rows = conn.execute(query, [found.run_id, level]).fetchall()
    return {(tuple(a), tuple(c)): pytest.approx(list(measures)) for a, c, *measures in rows}


def refused(conn: psycopg.Connection, found: ModelSummary) -> str:
    """Why; nothing of it is left."""
    assert (found.rows, found.published) == (0, False)
    row = conn.execute("SELECT state, reason FROM models.runs WHERE run_id = %s", [found.run_id]).fetchone()
    assert row is not None
    assert row[0] == "refused"
    for table in ("association_rules", "rule_items"):
        left = conn.execute(f"SELECT count(*) FROM models.{table} WHERE run_id = %s", [found.run_id]).fetchone()
        assert left == (0,), table
    return str(row[1])


def test_rules_at_three_levels_by_hand(conn: psycopg.Connection, clock: Clock) -> None:
    # 1: sauce, 2: bread, 3: pasta, 4: sauce of another brand; one order of a product that may not be recommended
    sell(conn, [1, 3], [3, 4], [3], [2, 2, 1], [5])
    conn.execute("UPDATE core.products SET in_catalogue = FALSE WHERE product_id = 5")
    found = mine_association_rules(conn, clock=clock)
    assert (found.published, found.reason, found.baseline) == (True, None, {})
    rules = rules_of(conn, found)
    assert set(rules) == {((a,), (c,)) for pair in ((1, 3), (3, 4), (1, 2)) for a, c in (pair, pair[::-1])}
    assert rules[(1,), (3,)] == [1 / 5, 1 / 2, (1 / 2) / (3 / 5), 1 / 5 - 6 / 25, 1]
    named = "SELECT name, item_id FROM models.rule_items WHERE run_id = %s AND level = 'type'"
    number = dict(conn.execute(named, [found.run_id]).fetchall())
    assert number == {"BREAD": 1, "DRY PASTA": 2, "PASTA SAUCE": 3}
    types = rules_of(conn, found, "type")
    assert types[(3,), (2,)] == [2 / 5, 2 / 3, (2 / 3) / (3 / 5), 2 / 5 - 9 / 25, 2]
    assert len(types) == 4
    assert rules_of(conn, found, "category") == {}  # all of it is food
    assert found.rows == len(rules) + len(types)
    facts = found.metrics["levels"]
    assert {name: facts[name]["rules"] for name in facts} == {"product": 6, "type": 4, "category": 0}
    assert facts["product"]["expected"]["sets"] == facts["product"]["sets"] == 7


def test_rules_are_counted_over_all_orders(shop: psycopg.Connection, clock: Clock) -> None:
    found = mine_association_rules(shop, clock=clock, **LOW)
    rules = shop.execute(
        "SELECT antecedents, consequents, support, confidence, lift, leverage, baskets FROM models.association_rules "
        "WHERE run_id = %s AND level = 'product'",
        [found.run_id],
    ).fetchall()
    assert len(rules) > 20
    assert max(len(a + c) for a, c, *_ in rules) == 3
    having = (
        "SELECT count(*) FROM (SELECT order_id FROM core.order_lines WHERE product_id = ANY(%s) GROUP BY order_id "
        "HAVING count(DISTINCT product_id) = cardinality(%s)) AS b"
    )
    for a, c, *measures in rules:
        counts = [shop.execute(having, [members, members]).fetchone() for members in (a, c, a + c)]
        n_a, n_c, both = (count[0] for count in counts if count)
        leverage = both / 360 - n_a * n_c / 360**2
        assert measures == pytest.approx([both / 360, both / n_a, both / n_a / (n_c / 360), leverage, both], rel=1e-9)


def test_the_marts_show_the_published_run(shop: psycopg.Connection, clock: Clock) -> None:
    found = mine_association_rules(shop, clock=clock, **LOW)
    build_marts(shop, clock=clock)
    rows = shop.execute("SELECT count(*), min(model_run_id), max(model_run_id) FROM marts.association_rules").fetchone()
    assert rows == (found.rows, found.run_id, found.run_id)
    row = shop.execute("SELECT antecedents FROM marts.association_rules WHERE level = 'type' ORDER BY 1").fetchone()
    assert row == (["BACON"],)


def test_tests_and_other_days_do_not_move_the_pointer(shop: psycopg.Connection, clock: Clock) -> None:
    first = mine_association_rules(shop, clock=clock, **LOW)
    test = mine_association_rules(shop, clock=clock, is_test=True, **LOW)
    past = mine_association_rules(shop, clock=clock, as_of=DAY - dt.timedelta(days=20), **LOW)
    assert (first.published, test.published, past.published) == (True, False, False)
    assert shop.execute("SELECT run_id FROM models.published").fetchall() == [(first.run_id,)]
    assert rules_of(shop, first).keys() == rules_of(shop, test).keys()
    assert past.metrics["baskets"] == 280  # four a day; what came later is not known


def test_a_window_of_baskets(shop: psycopg.Connection, clock: Clock) -> None:
    found = mine_association_rules(shop, clock=clock, basket_days=30, **LOW)
    assert found.metrics["baskets"] == 120
    row = shop.execute("SELECT data_from, parameters FROM models.runs").fetchone()
    assert row == (
        DAY - dt.timedelta(days=29), {**LOW, "min_confidence": 0.02, "max_len": 3, "basket_days": 30}
    )  # fmt: skip


def test_no_baskets(conn: psycopg.Connection, clock: Clock) -> None:
    words = refused(conn, mine_association_rules(conn, clock=clock))
    assert words == "no basket of the 3650 days until 2017-12-31 holds a product that may be recommended"


def test_a_catalogue_of_one(conn: psycopg.Connection, clock: Clock) -> None:
    sell(conn, [1], [1, 1], [1])
    words = refused(conn, mine_association_rules(conn, clock=clock))
    assert words.startswith(
        "no two items are together in enough of the 3 baskets for a rule: lower min_support (0.0005)"
    )


def test_a_product_sold_once_makes_no_rule_where_once_is_chance(conn: psycopg.Connection, clock: Clock) -> None:
    sell(conn, *[[1, 2]] * 9, [1, 2, 4])
    found = mine_association_rules(conn, clock=clock, **dict.fromkeys(LOW, 0.2))
    assert set(rules_of(conn, found)) == {((1,), (2,)), ((2,), (1,))}
    once = mine_association_rules(conn, clock=clock, min_support=0.1)
    assert rules_of(conn, once)[(4,), (1,)] == [0.1, 1.0, 1.0, 0.0, 1]  # everybody has it: no more than chance


def test_a_basket_of_ten_thousand_lines_and_a_bot(conn: psycopg.Connection, clock: Clock) -> None:
    everything = list(range(1, 1_102))
    sell(conn, *[[1, 2]] * 7, [1, 1, 1, 2, 2], [3] * 10_000, *[everything] * 5)
    found = mine_association_rules(conn, clock=clock)
    rules = rules_of(conn, found)
    assert rules == {
        ((1,), (2,)): [8 / 9, 1.0, 9 / 8, 8 / 9 - 64 / 81, 8],
        ((2,), (1,)): [8 / 9, 1.0, 9 / 8, 8 / 9 - 64 / 81, 8],
    }
    assert (found.metrics["baskets"], found.metrics["baskets_left_out"]) == (9, 5)


def test_weights_and_litres_count_as_one(shop: psycopg.Connection, clock: Clock) -> None:
    found = rules_of(shop, mine_association_rules(shop, clock=clock, **LOW))
    pieces = {rule: measures.expected for rule, measures in found.items()}
    for quantity in (0.454, 12.5):
        shop.execute(
            "UPDATE core.baskets SET quantities = array_fill(%s::numeric, array[cardinality(record_nos)])", [quantity]
        )
        weighed = mine_association_rules(shop, clock=clock, **LOW)
        assert rules_of(shop, weighed) == pieces
        assert weighed.metrics["baskets"] == 360


def test_only_a_bot(conn: psycopg.Connection, clock: Clock) -> None:
    sell(conn, list(range(1, 1_102)))
    words = refused(conn, mine_association_rules(conn, clock=clock))
    assert words.endswith("holds a product that may be recommended but 1 that hold too many to say anything")


def test_an_estimate_over_the_limit_refuses_before_the_run(
    shop: psycopg.Connection, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = mine_association_rules(shop, clock=clock, **LOW)

    def never(*_: Any) -> None:
        pytest.fail("the sets were looked for")

    monkeypatch.setattr(run, "_count", never)
    monkeypatch.setattr(estimate, "MOST_RULES", 100)
    words = refused(shop, mine_association_rules(shop, clock=clock, **LOW))
    assert words.startswith("at product level there would be about ")
    assert words.endswith(": raise min_support, which is 0.01, or lower max_len, which is 3")
    assert shop.execute("SELECT run_id FROM models.published").fetchall() == [(kept.run_id,)]


def test_a_basket_of_a_thousand_products_in_a_small_shop_explodes_and_says_so(
    conn: psycopg.Connection, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (estimate, run):
        monkeypatch.setattr(module, "MOST_SETS", 10_000)  # half a million pairs otherwise take seconds
    sell(conn, list(range(1, 1_001)), [1, 2])
    words = refused(conn, mine_association_rules(conn, clock=clock, max_len=None))
    assert words == (
        "at product level there would be more than 10,000 frequent sets, the most that are looked for: "
        "raise min_support, which is 0.0005, or lower max_len, which is not set"
    )


def test_a_count_over_the_limit_refuses_too(
    shop: psycopg.Connection, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def hopeful(*_: Any, **__: Any) -> estimate.Estimate:
        return estimate.Estimate(items=1, pairs=1)

    monkeypatch.setattr(run, "estimate_sets", hopeful)
    monkeypatch.setattr(run, "MOST_SETS", 20)
    words = refused(shop, mine_association_rules(shop, clock=clock, **LOW))
    assert words.startswith("at product level there would be more than ")


@pytest.mark.parametrize(
    "asked", [{"min_support": 0}, {"min_support_types": 1.5}, {"min_confidence": 0}, {"max_len": 1}, {"basket_days": 0}]
)
def test_impossible_thresholds(conn: psycopg.Connection, clock: Clock, asked: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match=next(iter(asked))):
        mine_association_rules(conn, clock=clock, **asked)
    assert conn.execute("SELECT count(*) FROM models.runs").fetchone() == (0,)
