"""Frequent itemsets: by hand, against brute force, and against mlxtend on the plain one-hot table."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from marketflow.engines import engine
from marketflow.engines.local import least_count
from marketflow.shared import ConfigurationError

Baskets = list[set[int]]

baskets_strategy = st.lists(st.sets(st.integers(0, 7), max_size=6), min_size=1, max_size=25)


def matrix(baskets: Baskets, items: int = 8) -> sp.csr_array:
    full = np.zeros((len(baskets), items), dtype=np.int64)
    for row, members in enumerate(baskets):
        full[row, list(members)] = 1
    return sp.csr_array(full)


def brute_force(baskets: Baskets, least: int, max_len: int) -> dict[frozenset[int], int]:
    found = {}
    for size in range(1, max_len + 1):
        for members in combinations(range(8), size):
            count = sum(set(members) <= basket for basket in baskets)
            if count >= least:
                found[frozenset(members)] = count
    return found


def mined(baskets: Baskets, min_support: float, max_len: int, total: int | None = None) -> dict[frozenset[int], int]:
    table = engine("local").frequent_itemsets(matrix(baskets), min_support=min_support, max_len=max_len, total=total)
    assert table["itemsets"].is_unique
    assert np.allclose(table["support"], table["baskets"] / (total or len(baskets)))
    return dict(zip(table["itemsets"], table["baskets"], strict=True))


def test_a_table_computed_by_hand() -> None:
    baskets: Baskets = [{0, 1}, {0, 1, 2}, {0}, {1, 2}, {0, 1}]
    assert mined(baskets, 0.4, 3) == {
        frozenset({0}): 4, frozenset({1}): 4, frozenset({2}): 2,
        frozenset({0, 1}): 3, frozenset({1, 2}): 2,
    }  # fmt: skip
    assert mined(baskets, 0.2, 3)[frozenset({0, 1, 2})] == 1


@given(baskets_strategy, st.sampled_from([0.01, 0.1, 0.2, 0.34, 0.5, 1.0]), st.integers(1, 4))
@settings(max_examples=60, deadline=None)
def test_equal_to_brute_force(baskets: Baskets, min_support: float, max_len: int) -> None:
    least = least_count(min_support, len(baskets))
    assert mined(baskets, min_support, max_len) == brute_force(baskets, least, max_len)


@pytest.mark.parametrize("max_len", [2, 3])
def test_equal_to_mlxtend_on_the_plain_table(max_len: int) -> None:
    import pandas as pd
    from mlxtend.frequent_patterns import fpgrowth

    rng = np.random.default_rng(5)
    plain = rng.random((400, 30)) < rng.random(30) * 0.4
    theirs = fpgrowth(pd.DataFrame(plain), min_support=0.03, max_len=max_len)
    expected = {s: round(v * 400) for s, v in zip(theirs["itemsets"], theirs["support"], strict=True)}
    ours = engine().frequent_itemsets(sp.csr_array(plain.astype(int)), min_support=0.03, max_len=max_len)
    assert len(expected) > 200
    assert dict(zip(ours["itemsets"], ours["baskets"], strict=True)) == expected


def test_the_share_is_of_all_baskets_also_of_those_left_out() -> None:
    assert mined([{0, 1}, {0, 1}], 0.5, 2, total=4) == {frozenset({0}): 2, frozenset({1}): 2, frozenset({0, 1}): 2}
    assert mined([{0, 1}, {0, 1}], 0.5, 2, total=5) == {}


def test_an_item_twice_in_a_basket_is_in_it_once() -> None:
    table = engine().frequent_itemsets(sp.csr_array(np.array([[3, 2], [1, 0]])), min_support=0.5, max_len=2)
    assert table["baskets"].tolist() == [2, 1, 1]


def test_one_basket_of_ten_thousand_items_is_no_trouble() -> None:
    wide = sp.csr_array(np.vstack([np.ones(10_000, dtype=np.int8), np.eye(1, 10_000, dtype=np.int8)]))
    table = engine().frequent_itemsets(wide, min_support=1.0, max_len=3)
    assert table["itemsets"].tolist() == [frozenset({0})]


def test_nothing_in_nothing_out() -> None:
    assert mined([set(), set()], 0.5, 3) == {}


@pytest.mark.parametrize(("min_support", "max_len"), [(0.0, 2), (1.1, 2), (0.5, 0)])
def test_impossible_thresholds_are_refused(min_support: float, max_len: int) -> None:
    with pytest.raises(ValueError, match="min_support"):
        mined([{0}], min_support, max_len)


def test_rounding_does_not_lose_a_basket() -> None:
    assert least_count(0.1, 30) == 3
    assert least_count(0.0005, 155_848) == 78


def test_an_unknown_engine_is_named() -> None:
    with pytest.raises(ConfigurationError, match="abacus"):
        engine("abacus")  # type: ignore[arg-type]
