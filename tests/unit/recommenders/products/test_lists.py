"""Places, lists, measures and reasons, against plain loops and tables computed by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from marketflow.recommenders.products.candidates import Candidates, places
from marketflow.recommenders.products.lists import as_table, chosen, together
from marketflow.recommenders.products.measures import interval_of_difference, quality
from marketflow.recommenders.products.reasons import because_of

entries = st.lists(
    st.tuples(st.integers(0, 4), st.integers(0, 9), st.integers(0, 3)), max_size=40, unique_by=lambda e: e[:2]
)


def candidates(rows: list[tuple[int, int, int]], customers: int = 5) -> tuple[Candidates, np.ndarray]:
    table = np.array(rows, dtype=np.int64).reshape(-1, 3)
    found = Candidates(customer=table[:, 0], product=table[:, 1], signs={}, customers=customers)
    return found, table[:, 2].astype(float)


@given(entries)
@settings(max_examples=60, deadline=None)
def test_places_are_those_of_a_sorted_list(rows: list[tuple[int, int, int]]) -> None:
    found, score = candidates(rows)
    place = places(found.customer, found.product, score)
    for customer in range(5):
        mine = sorted((-s, p) for c, p, s in rows if c == customer)
        assert [place[rows.index((customer, p, -s))] for s, p in mine] == list(range(len(mine)))


@given(entries, st.integers(1, 4))
@settings(max_examples=60, deadline=None)
def test_the_chosen_stand_in_the_order_of_their_lists(rows: list[tuple[int, int, int]], length: int) -> None:
    found, score = candidates(rows)
    table = as_table(found, score, length)
    listed = [(found.customer[i], found.product[i]) for i in chosen(found, score, length)]
    assert listed == [(c, p) for c in range(5) for p in table[c] if p >= 0]


def test_a_list_names_a_kind_once_while_there_are_others() -> None:
    found, score = candidates([(0, 0, 9), (0, 1, 8), (0, 2, 7), (0, 3, 1), (1, 0, 3), (1, 1, 2)])
    kinds = np.array([5, 5, 6, 7, 0, 0, 0, 0, 0, 0])
    best = chosen(found, score, 3, kinds)
    assert found.product[best].tolist() == [0, 2, 3, 0, 1]  # 1 is of the kind of 0; customer 1 has nothing else
    assert as_table(found, score, 3, kinds)[:2].tolist() == [[0, 2, 3], [0, 1, -1]]
    assert as_table(found, score, 3)[:2].tolist() == [[0, 1, 2], [0, 1, -1]]


def test_lists_of_both_kinds_are_merged_by_chance() -> None:
    first, second = candidates([(0, 1, 3), (1, 2, 1)]), candidates([(0, 4, 2), (1, 5, 2)])
    assert as_table(*together(first, second), 2)[:2].tolist() == [[1, 4], [5, 2]]


def test_quality_of_a_table_computed_by_hand() -> None:
    wanted = sp.csr_array(np.array([[1, 0, 1, 0], [0, 0, 0, 1], [0, 0, 0, 0]]))
    lists = np.array([[1, 2, 0], [0, 1, -1], [3, 2, 1]])
    found = quality(lists, wanted, np.array([0.5, 0.25, 0.5, 0.125]))
    assert found.customer.tolist() == [0, 1]  # the third bought nothing, and does not count
    assert found.hit.tolist() == [1, 0]
    best = 1 + 1 / math.log2(3)
    assert found.ndcg.tolist() == [pytest.approx((1 / math.log2(3) + 1 / 2) / best), 0]
    assert found.recall.tolist() == [1, 0]
    assert found.coverage == 3 / 4
    assert found.novelty == pytest.approx((2 + 1 + 1 + 1 + 2) / 5)  # of what is listed to those who count
    assert found.mean("hit") == 0.5
    assert found.mean("hit", np.array([True, False, False])) == 1
    assert found.mean("hit", np.array([False, False, True])) is None


def test_nobody_bought_anything() -> None:
    found = quality(np.array([[0, 1]]), sp.csr_array((1, 3)), np.ones(3))
    assert (found.mean("ndcg"), found.coverage, found.novelty) == (None, 0, 0)
    assert interval_of_difference(found.ndcg, found.ndcg, seed=1) is None


def test_an_interval_covers_the_true_difference() -> None:
    rng = np.random.default_rng(3)
    covered = 0
    for seed in range(60):
        theirs = rng.random(200)
        low, high = interval_of_difference(theirs + rng.normal(0.1, 0.3, 200), theirs, seed=seed) or (0, 0)
        covered += low <= 0.1 <= high
    assert covered >= 52


def test_the_reason_is_what_is_bought_alike_and_not_what_everybody_buys() -> None:
    interest = sp.csr_array(np.array([[1.0, 1.0, 0.0, 0.0], [0.0, 1.0, 0.0, 0.0], [0.0, 0.0, 0.0, 1.0]]))
    alike = sp.csr_array(np.array([[0, 0.1, 0.4, 0], [0.1, 0, 0.5, 0], [0.4, 0.5, 0, 0.01], [0, 0, 0.01, 0]]))
    listed, _ = candidates([(0, 2, 1), (1, 2, 1), (2, 2, 1)], customers=3)
    share = np.array([0.1, 0.9, 0.1, 0.1])
    assert because_of(listed, interest, alike, share).tolist() == [0, 1, -1]  # 3 is too little like 2


def test_no_reasons_without_candidates_or_purchases() -> None:
    nothing, _ = candidates([])
    assert because_of(nothing, sp.csr_array((5, 10)), sp.csr_array((10, 10)), np.ones(10)).tolist() == []
    one, _ = candidates([(0, 1, 1)])
    assert because_of(one, sp.csr_array((5, 10)), sp.csr_array((10, 10)), np.ones(10)).tolist() == [-1]
