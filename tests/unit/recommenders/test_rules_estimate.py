"""The estimate: exact where it counts, near where it samples, the same each time; and the refusals that it gives."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp

from marketflow.engines import engine
from marketflow.recommenders.rules import estimate
from marketflow.recommenders.rules.estimate import Cut, estimate_sets, find_sets, possible_rules, refuse_too_many
from marketflow.shared import NotEnoughData


def cut(min_support: float, total: int, max_len: int | None = None) -> Cut:
    return Cut(level="type", threshold="min_support_types", min_support=min_support, max_len=max_len, total=total)


@pytest.fixture(scope="module")
def baskets() -> sp.csr_array:
    """6,000 baskets of 60 items, some liked by the same people."""
    rng = np.random.default_rng(1)
    taste = rng.random((6_000, 4)) < 0.3
    chance = np.clip(taste @ (rng.random((4, 60)) ** 6 * 0.8) + 0.01, 0, 1)
    return sp.csr_array((rng.random((6_000, 60)) < chance).astype(np.int32))


@pytest.mark.parametrize("max_len", [1, 2])
def test_items_and_pairs_are_counted(baskets: sp.csr_array, max_len: int) -> None:
    asked = cut(0.02, 7_000, max_len)
    found = estimate_sets(baskets, asked, engine=engine())
    sizes = find_sets(baskets, asked, engine(), None)["itemsets"].map(len)
    assert (found.items, found.pairs) == ((sizes == 1).sum(), (sizes == 2).sum() if max_len == 2 else 0)
    assert (found.larger, found.sampled, found.rules) == (0, 0, 2 * found.pairs)


def test_of_all_baskets_it_is_exact(baskets: sp.csr_array) -> None:
    asked = cut(0.03, 6_000)
    sizes = find_sets(baskets, asked, engine(), None)["itemsets"].map(len)
    found = estimate_sets(baskets, asked, engine=engine())
    assert (found.sets, found.rules, found.sampled) == (len(sizes), possible_rules(sizes), 6_000)
    assert found.larger > 500


@pytest.mark.parametrize("max_len", [3, 4, None])
def test_of_a_sample_it_is_near_and_always_the_same(baskets: sp.csr_array, max_len: int | None) -> None:
    asked = cut(0.03, 6_000, max_len)
    truth = len(find_sets(baskets, asked, engine(), None))
    found = estimate_sets(baskets, asked, engine=engine(), smallest_sample=1_000)
    assert found.sampled == 1_667  # fifty baskets are 0.03 of them
    assert found.sets == pytest.approx(truth, rel=0.4)
    assert found.sets != truth
    assert found == estimate_sets(baskets, asked, engine=engine(), smallest_sample=1_000)


@pytest.mark.parametrize(("most", "sampled"), [(300, 0), (2_000, 6_000)])
def test_it_stops_at_the_limit(baskets: sp.csr_array, most: int, sampled: int) -> None:
    found = estimate_sets(baskets, cut(0.01, 6_000), engine=engine(), most=most)
    assert (found.is_least, found.sets, found.sampled) == (True, most, sampled)


def test_rules_that_sets_can_make() -> None:
    sizes = find_sets(sp.csr_array(np.ones((2, 3), dtype=np.int32)), cut(0.5, 2), engine(), None)["itemsets"].map(len)
    assert possible_rules(sizes) == 12  # 2 of each of three pairs, 6 of the three
    assert possible_rules(sizes[:0]) == 0


@pytest.mark.parametrize(
    ("sets", "rules", "is_least", "words"),
    [
        (1_000_001, 0, False, "about 1,000,001 frequent sets, which make up to 0 rules"),
        (9, 2_000_001, False, "about 9 frequent sets, which make up to 2,000,001 rules"),
        (1_000_000, 0, True, "more than 1,000,000 frequent sets"),
    ],
)
def test_a_refusal_names_the_number_and_the_threshold(sets: int, rules: int, is_least: bool, words: str) -> None:
    with pytest.raises(NotEnoughData, match=words) as refused:
        refuse_too_many(cut(0.0001, 9), sets=sets, rules=rules, is_least=is_least)
    assert str(refused.value).startswith("at type level there would be ")
    assert str(refused.value).endswith(": raise min_support_types, which is 0.0001, or lower max_len, which is not set")


def test_what_fits_is_not_refused() -> None:
    refuse_too_many(cut(0.0001, 9), sets=estimate.MOST_SETS, rules=estimate.MOST_RULES)
