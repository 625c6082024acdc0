"""Clusters keep their numbers: matched by the customers they share, and a new one gets a number never used."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marketflow.segments.clusters.identity import LEAST_OVERLAP, Members, kept_numbers, numbered


def members(clusters: dict[int, list[int]]) -> Members:
    """From customers by cluster."""
    pairs = [(customer, cluster) for cluster, customers in clusters.items() for customer in customers]
    customers, numbers = zip(*pairs, strict=True)
    return Members(customers=np.array(customers), clusters=np.array(numbers))


def test_matched_by_overlap_and_not_by_place() -> None:
    before = members({7: [1, 2, 3], 9: [4, 5, 6]})
    now = members({0: [4, 5, 6, 99], 1: [1, 2, 3]})
    assert kept_numbers(now, before, count=2) == {0: (9, 1.0), 1: (7, 1.0)}  # customer 99 is new, and counts for nobody


def test_a_cluster_without_a_match_gets_a_number_that_was_never_used() -> None:
    before = members({7: [1, 2, 3, 4], 9: [5, 6, 7, 8]})
    now = members({0: [5, 6, 7, 8], 1: [1, 2], 2: [3, 4]})
    kept = kept_numbers(now, before, count=3)
    assert kept[0] == (9, 1.0)
    assert len(kept) == 2
    assert sorted(numbered(kept, [0, 1, 2], highest=31)) == [7, 9, 32]


def test_too_little_overlap_is_no_match() -> None:
    rng = np.random.default_rng(1)
    customers = np.arange(10_000)
    before = Members(customers=customers, clusters=rng.integers(1, 11, 10_000))
    now = Members(customers=customers, clusters=rng.integers(0, 10, 10_000))
    assert kept_numbers(now, before, count=10) == {}
    assert 0 < LEAST_OVERLAP < 0.5


def test_nobody_was_there_before() -> None:
    nobody = Members(customers=np.zeros(0, dtype=np.int64), clusters=np.zeros(0, dtype=np.int64))
    now = members({0: [1], 1: [2]})
    assert kept_numbers(now, nobody, count=2) == {}
    assert kept_numbers(now, members({4: [8, 9]}), count=2) == {}
    assert numbered({}, [1, 0], highest=0) == [2, 1]  # the first in order gets the first number


@given(st.integers(1, 4), st.integers(1, 4), st.integers(0, 10_000))
@settings(max_examples=40, deadline=None)
def test_no_other_matching_overlaps_more(new: int, old: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    now, before = rng.integers(0, new, 30), rng.integers(0, old, 30)
    kept = kept_numbers(
        Members(customers=np.arange(30), clusters=now), Members(customers=np.arange(30), clusters=before), count=new
    )

    def jaccard(a: int, b: int) -> float:
        either = ((now == a) | (before == b)).sum()
        value = float(((now == a) & (before == b)).sum() / either) if either else 0.0
        return value if value >= LEAST_OVERLAP else 0.0

    places = list(range(max(new, old)))
    best = max(sum(jaccard(a, b) for a, b in enumerate(order[:new])) for order in permutations(places))
    assert all(overlap == pytest.approx(jaccard(a, b)) for a, (b, overlap) in kept.items())
    assert len({number for number, _ in kept.values()}) == len(kept)
    assert sum(overlap for _, overlap in kept.values()) >= 0.5 * best
