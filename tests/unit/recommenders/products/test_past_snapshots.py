"""What is learnt and measured as of a past day is what data that end on that day give."""

from __future__ import annotations

import dataclasses
import random

import numpy as np
import pytest
import scipy.sparse as sp

from marketflow.engines import engine
from marketflow.recommenders.products.backtest import AGAIN, NEVER, measure
from marketflow.recommenders.products.candidates import Candidates
from marketflow.recommenders.products.catalogue import Catalogue, catalogue_of
from marketflow.recommenders.products.history import History
from marketflow.recommenders.products.learning import HORIZON_DAYS, Rankers, Shop, Snapshot, Snapshots, days_ago
from marketflow.recommenders.products.lists import as_table, together
from marketflow.recommenders.products.measures import LENGTH, quality

CUSTOMERS, PRODUCTS, DAYS, SEED = 60, 40, 200, 1


def catalogue() -> Catalogue:
    import pandas as pd

    numbers = range(PRODUCTS)
    frame = pd.DataFrame(
        {
            "product_id": [n + 100 for n in numbers], "type": [f"TYPE {n % 8}" for n in numbers],
            "category": [f"CATEGORY {n % 4}" for n in numbers], "brand": None, "department": "GROCERY",
            "name": [f"Thing {n}" for n in numbers], "is_recommendable": True,
        }
    )  # fmt: skip
    return catalogue_of(frame, engine=engine(), seed=SEED)


def lines() -> np.ndarray:
    """Customer, product, basket, age. In the last four weeks everybody buys what hardly anybody bought before."""
    rng = random.Random(7)
    found: list[tuple[int, int, int, int]] = []
    basket = 0
    for customer in range(CUSTOMERS):
        habits = rng.sample(range(PRODUCTS // 2), 4)
        for age in range(rng.randrange(6), DAYS, 6):
            basket += 1
            own = [p for p in habits if rng.random() < 0.6] + [rng.randrange(PRODUCTS // 2)]
            new = [PRODUCTS // 2 + (p + customer) % (PRODUCTS // 2) for p in own]
            inside = set(new if age < HORIZON_DAYS or rng.random() < 0.05 else own)
            found += [(customer, product, basket, age) for product in sorted(inside)]
    return np.array(found)


def shop(table: np.ndarray, groups: dict[int, np.ndarray]) -> Shop:
    past = History(
        customer=table[:, 0].astype(np.int32), product=table[:, 1].astype(np.int32), basket=table[:, 2],
        age=table[:, 3].astype(np.int32), customers=CUSTOMERS, products=PRODUCTS,
    )  # fmt: skip
    return Shop(catalogue=catalogue(), history=past, groups=groups, group_count=3, engine=engine(), seed=SEED)


@pytest.fixture(scope="module")
def today() -> Snapshots:
    """All is known; who is in which group differs from day to day."""
    rng = np.random.default_rng(3)
    return Snapshots(shop=shop(lines(), {ago: rng.integers(0, 3, CUSTOMERS) for ago in days_ago()}))


@pytest.fixture(scope="module")
def then(today: Snapshots) -> Snapshots:
    """The same shop four weeks ago, of which nobody knows what came after."""
    known = np.array([(c, p, b, age - HORIZON_DAYS) for c, p, b, age in lines() if age >= HORIZON_DAYS])
    groups = today.shop.groups
    return Snapshots(shop=shop(known, {ago - HORIZON_DAYS: groups[ago] for ago in groups if ago >= HORIZON_DAYS}))


def same(left: object, right: object, what: str) -> None:
    """Numbers are equal to the last digit, whatever they lie in."""
    if sp.issparse(left):
        assert sp.issparse(right), what
        assert left.shape == right.shape, what
        assert (left != right).nnz == 0, what
    elif isinstance(left, dict):
        assert isinstance(right, dict), what
        assert left.keys() == right.keys(), what
        for key, each in left.items():
            same(each, right[key], f"{what}, {key}")
    else:
        np.testing.assert_array_equal(left, right, err_msg=what)


def fields(of: object) -> dict[str, object]:
    return {each.name: getattr(of, each.name) for each in dataclasses.fields(of)}  # type: ignore[arg-type]


@pytest.mark.parametrize("earlier", [0, HORIZON_DAYS])
def test_knowledge_and_candidates_of_a_past_day(today: Snapshots, then: Snapshots, earlier: int) -> None:
    past, end = today.of(HORIZON_DAYS + earlier), then.of(earlier)
    same(fields(past.known), fields(end.known), "known")
    same(fields(past.history), fields(end.history), "history")
    same(past.group, end.group, "group")
    for name in ("again", "discover"):
        ours, theirs = getattr(past, name), getattr(end, name)
        assert len(ours)
        same({"customer": ours.customer, "product": ours.product, **ours.signs},
             {"customer": theirs.customer, "product": theirs.product, **theirs.signs}, name)  # fmt: skip


def scores(rankers: Rankers, of: Snapshot) -> dict[str, np.ndarray]:
    return {"again": rankers.again.score(of.again), "discover": rankers.discover.score(of.discover)}


def test_rankers_learn_what_they_would_have_learnt_then(today: Snapshots, then: Snapshots) -> None:
    end = then.of(0)
    learnt = scores(today.rankers(HORIZON_DAYS), end)
    same(learnt, scores(then.rankers(0), end), "scores")
    newest = scores(today.rankers(0), end)
    for name, each in learnt.items():
        assert np.abs(each - newest[name]).max() > 0.01, "the last weeks would have taught something else"


def test_what_was_bought_after_the_day_is_what_is_wanted(today: Snapshots) -> None:
    for ago in (HORIZON_DAYS, 2 * HORIZON_DAYS):
        after = {(c, p) for c, p, _, age in lines() if ago - HORIZON_DAYS <= age < ago}
        assert set(zip(*today.of(ago).wanted.nonzero(), strict=True)) == after


def test_lists_are_measured_as_those_who_did_not_know_made_them(today: Snapshots, then: Snapshots) -> None:
    """The figures of a run, once more by hand from data that end four weeks ago and what was bought since."""
    end = then.of(0)
    rankers = then.rankers(0)
    again, discover = rankers.again.score(end.again), rankers.discover.score(end.discover)
    before = {(c, p) for c, p, _, age in lines() if age >= HORIZON_DAYS}
    bought = {(c, p) for c, p, _, age in lines() if age < HORIZON_DAYS}
    share = end.known.buyers / CUSTOMERS
    lists = {
        AGAIN: (as_table(*together((end.again, again), (end.discover, discover)), LENGTH), bought),
        NEVER: (as_table(end.discover, discover, LENGTH), bought - before),
    }
    found, _ = measure(today)
    for task, (table, wanted) in lists.items():
        by_hand = quality(table, matrix(wanted), share)
        ours = next(score for score in found if score.metric == f"ndcg_at_{LENGTH}, {task}")
        assert ours.ours == by_hand.mean("ndcg"), task
    own = quality(own_top(end.again), matrix(bought), share).mean("ndcg")
    assert next(s.baseline_value for s in found if s.baseline == "own top products") == own


def own_top(again: Candidates) -> np.ndarray:
    return as_table(again, np.asarray(again.signs["baskets"], dtype=float), LENGTH)


def matrix(pairs: set[tuple[int, int]]) -> sp.csr_array:
    table = np.zeros((CUSTOMERS, PRODUCTS))
    for customer, product in pairs:
        table[customer, product] = 1
    return sp.csr_array(table)
