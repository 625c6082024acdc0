"""Association rules against a table computed by hand, and against their definitions on random baskets."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from marketflow.engines import TooManySets, engine
from marketflow.recommenders.rules import mine_rules

# Five baskets: pasta (0), sauce (1), coffee (2).
HAND = np.array([[1, 1, 0], [1, 1, 0], [1, 0, 1], [0, 1, 0], [0, 0, 1]])


def rules_of(baskets: np.ndarray, **thresholds: float | None) -> list[tuple]:
    asked = {"min_support": 0.01, "min_confidence": 0.01, "max_len": 2, "total": len(baskets)} | thresholds
    table = mine_rules(sp.csr_array(baskets), engine=engine(), **asked)
    return list(table.itertuples(index=False, name=None))


def test_a_table_computed_by_hand() -> None:
    found = {(a, c): measures for a, c, *measures in rules_of(HAND)}
    assert found == {
        # pasta in 3 of 5 baskets, sauce in 3, both in 2: 2/3 of the pasta baskets, 10/9 of what chance gives, which is 9/25
        ((0,), (1,)): pytest.approx([2 / 5, 2 / 3, (2 / 3) / (3 / 5), 2 / 5 - 9 / 25, 2]),
        ((1,), (0,)): pytest.approx([2 / 5, 2 / 3, (2 / 3) / (3 / 5), 2 / 5 - 9 / 25, 2]),
        ((0,), (2,)): pytest.approx([1 / 5, 1 / 3, (1 / 3) / (2 / 5), 1 / 5 - 6 / 25, 1]),
        ((2,), (0,)): pytest.approx([1 / 5, 1 / 2, (1 / 2) / (3 / 5), 1 / 5 - 6 / 25, 1]),
    }


def test_thresholds_cut() -> None:
    assert {(a, c) for a, c, *_ in rules_of(HAND, min_support=0.4)} == {((0,), (1,)), ((1,), (0,))}
    assert {(a, c) for a, c, *_ in rules_of(HAND, min_confidence=0.5)} == {((0,), (1,)), ((1,), (0,)), ((2,), (0,))}


def test_the_order_does_not_depend_on_chance() -> None:
    lifts = [lift for *_, lift, _leverage, _n in rules_of(HAND)]
    assert lifts == sorted(lifts, reverse=True)
    assert rules_of(HAND) == rules_of(HAND[::-1])


def test_without_a_pair_there_is_no_rule() -> None:
    assert rules_of(np.eye(3, dtype=int)) == []
    assert rules_of(np.zeros((2, 3), dtype=int)) == []


def test_larger_sets_give_rules_with_several_products() -> None:
    sides = {(a, c) for a, c, *_ in rules_of(np.ones((2, 3), dtype=int), max_len=3)}
    assert ((0, 1), (2,)) in sides
    assert len(sides) == 12  # 6 between singles, 3 each of two to one and one to two


@given(st.lists(st.lists(st.booleans(), min_size=5, max_size=5), min_size=1, max_size=20))
@settings(max_examples=50, deadline=None)
def test_measures_are_what_their_names_say(rows: list[list[bool]]) -> None:
    baskets = np.array(rows, dtype=int)
    total = len(baskets) + 3  # three baskets without any of the products
    expected = {}
    for a in range(5):
        for c in range(5):
            both = int((baskets[:, a] & baskets[:, c]).sum())
            if a != c and both:
                confidence = both / baskets[:, a].sum()
                lift = confidence / (baskets[:, c].sum() / total)
                leverage = both / total - baskets[:, a].sum() / total * baskets[:, c].sum() / total
                measures = [both / total, confidence, lift, leverage, both]
                expected[(a,), (c,)] = pytest.approx(measures, abs=1e-12)
    found = rules_of(baskets, min_support=1e-9, min_confidence=1e-9, total=total)
    assert {(a, c): measures for a, c, *measures in found} == expected


def test_more_sets_than_were_allowed_are_an_error() -> None:
    with pytest.raises(TooManySets):
        rules_of(HAND, most=4)
    assert len(rules_of(HAND, most=5)) == 4  # three items and two pairs
