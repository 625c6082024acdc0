"""Shrinking, spreading and the choice of the best slot."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from marketflow.predictions.send_time.model import (
    BASES,
    Recipe,
    best_of_customers,
    best_slots,
    blend_groups,
    group_totals,
    shrink,
    spread,
)

counts_of = hnp.arrays(np.float64, st.tuples(st.integers(1, 8), st.just(24)), elements=st.integers(0, 500).map(float))
parents = hnp.arrays(np.float64, (1, 24), elements=st.floats(0.01, 1.0)).map(lambda a: a / a.sum())
concentrations = st.floats(0.5, 4096.0)
NONE, EVERYBODY, SEGMENT, CUSTOMER = range(4)


@settings(deadline=None)
@given(counts=counts_of, parent=parents, concentration=concentrations)
def test_shares_lie_between_own_and_the_parents_and_sum_to_one(counts, parent, concentration) -> None:
    found = shrink(counts, parent, concentration)
    assert np.allclose(found.sum(axis=1), 1)
    total = counts.sum(axis=1, keepdims=True)
    own = np.divide(counts, total, out=np.repeat(parent, len(counts), axis=0), where=total > 0)
    low, high = np.minimum(own, parent), np.maximum(own, parent)
    assert (found >= low - 1e-12).all()
    assert (found <= high + 1e-12).all()


@settings(deadline=None)
@given(counts=counts_of, parent=parents)
def test_the_more_the_parent_is_worth_the_nearer_is_what_comes_out(counts, parent) -> None:
    far = [np.abs(shrink(counts, parent, c) - parent).sum() for c in (1.0, 10.0, 1000.0, math.inf)]
    assert all(a >= b - 1e-12 for a, b in itertools.pairwise(far))
    assert far[-1] == 0


@settings(deadline=None)
@given(counts=counts_of, width=st.integers(0, 3), turn=st.integers(0, 23))
def test_spreading_loses_nothing_and_knows_no_midnight(counts, width, turn) -> None:
    found = spread(counts, width)
    assert np.allclose(found.sum(axis=1), counts.sum(axis=1))
    assert np.allclose(np.roll(found, turn, axis=1), spread(np.roll(counts, turn, axis=1), width))


def test_spreading_hands_a_quarter_to_each_side_around_midnight() -> None:
    found = spread(np.eye(24)[[0]], 1)
    assert (found[0, 23], found[0, 0], found[0, 1]) == (0.25, 0.5, 0.25)


@settings(deadline=None)
@given(counts=counts_of, parent=parents, concentration=concentrations)
def test_what_is_not_her_own_is_what_was_said_above(counts, parent, concentration) -> None:
    n = len(counts)
    above = (np.full(n, int(parent.argmax())), np.full(n, EVERYBODY))
    best, basis = best_slots(counts, np.repeat(parent, n, axis=0), concentration, above, "customer")
    assert (best[basis == EVERYBODY] == above[0][0]).all()
    assert set(basis.tolist()) <= {EVERYBODY, CUSTOMER}
    assert (basis[counts.sum(axis=1) == 0] == EVERYBODY).all()


@pytest.mark.parametrize(
    ("times", "basis"),
    [(0, EVERYBODY), (1, EVERYBODY), (60, CUSTOMER)],
    ids=["nothing", "once", "many times"],
)
def test_thin_evidence_falls_back(times: int, basis: int) -> None:
    parent = np.full((1, 24), 0.02)
    parent[0, 17] = 1 - 23 * 0.02
    counts = np.zeros((1, 24))
    counts[0, 9] = times
    best, found = best_slots(counts, parent, 20.0, (np.array([17]), np.array([EVERYBODY])), "customer")
    assert (int(best[0]), int(found[0])) == (9 if basis == CUSTOMER else 17, basis)


def test_a_slot_hardly_better_than_the_groups_is_not_her_own() -> None:
    parent = np.full((1, 24), 0.7 / 22)
    parent[0, [9, 17]] = 0.149, 0.151
    counts = np.zeros((1, 24))
    counts[0, 9] = 1
    above = (np.array([17]), np.array([EVERYBODY]))
    assert int((counts + 100 * parent).argmax()) == 9
    best, basis = best_slots(counts, parent, 100.0, above, "customer")
    assert (int(best[0]), int(basis[0])) == (17, EVERYBODY)
    counts[0, 9] = 10
    best, basis = best_slots(counts, parent, 100.0, above, "customer")
    assert (int(best[0]), int(basis[0])) == (9, CUSTOMER)


@pytest.mark.parametrize(("times", "basis"), [(5, EVERYBODY), (50, CUSTOMER)])
def test_who_agrees_with_the_group_speaks_for_herself_if_she_weighs_as_much(times: int, basis: int) -> None:
    parent = np.full((1, 7), 0.1)
    parent[0, 3] = 0.4
    counts = np.zeros((1, 7))
    counts[0, 3] = times
    best, found = best_slots(counts, parent, 20.0, (np.array([3]), np.array([EVERYBODY])), "customer")
    assert (int(best[0]), int(found[0])) == (3, basis)


def test_where_nothing_is_said_above_one_order_says_nothing_either() -> None:
    parent, above = np.full((2, 24), 1 / 24), (np.zeros(2, dtype=int), np.full(2, NONE))
    counts = np.zeros((2, 24))
    counts[0, 5], counts[1, 5] = 1, 30
    best, basis = best_slots(counts, parent, 10.0, above, "customer")
    assert basis.tolist() == [NONE, CUSTOMER]
    assert best[1] == 5


def test_a_level_that_is_not_used_says_what_is_above_it() -> None:
    totals = np.array([[90.0, 5.0, 5.0], [10.0, 45.0, 45.0], [0.0, 0.0, 0.0]])
    groups = blend_groups(totals, Recipe(everybody=1.0))
    assert (groups.shares == groups.everybody).all()
    assert groups.basis.tolist() == [EVERYBODY] * 3
    nothing = blend_groups(totals, Recipe())
    assert np.allclose(nothing.shares, 1 / 3)
    assert nothing.basis.tolist() == [NONE] * 3


def test_a_segment_that_differs_speaks_for_its_customers() -> None:
    totals = np.array([[900.0, 50.0, 50.0], [10.0, 45.0, 445.0], [0.0, 0.0, 300.0]])
    recipe = Recipe(everybody=1.0, segment=10.0)
    groups = blend_groups(totals, recipe)
    assert groups.best.tolist() == [0, 2, 0]
    assert groups.basis.tolist() == [SEGMENT, SEGMENT, EVERYBODY]
    best, basis = best_of_customers(np.zeros((3, 3)), np.array([1, 2, 0]), groups, recipe)
    assert best.tolist() == [2, 0, 0]
    assert basis.tolist() == [SEGMENT, EVERYBODY, SEGMENT]


def test_totals_by_group_end_with_those_in_none() -> None:
    found = group_totals(np.array([[1.0, 0.0], [2.0, 1.0], [0.0, 4.0]]), np.array([1, 2, 1]), 2)
    assert found.tolist() == [[0, 0], [1, 4], [2, 1]]


@pytest.mark.parametrize(
    ("recipe", "basis"),
    [(Recipe(), "none"), (Recipe(everybody=1.0), "everybody"), (Recipe(segment=2.0, everybody=1.0), "segment"),
     (Recipe(customer=2.0), "customer")],
)  # fmt: skip
def test_the_basis_is_the_most_personal_level(recipe: Recipe, basis: str) -> None:
    assert recipe.basis == basis
    assert basis in BASES
    assert all(value is None or math.isfinite(value) for value in recipe.facts()["concentrations"].values())
