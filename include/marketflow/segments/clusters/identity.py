"""Clusters keep their numbers from run to run: matched to those before by the customers they share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

# Shared customers over those in either cluster: below it two clusters are not the same one.
LEAST_OVERLAP = 0.2


@dataclass(frozen=True, kw_only=True)
class Members:
    """Who is in which cluster: two arrays of the same length, customers' numbers (none twice) and clusters'."""

    customers: NDArray[np.int64]
    clusters: NDArray[np.int64]


def kept_numbers(now: Members, before: Members, *, count: int) -> dict[int, tuple[int, float]]:
    """By new cluster 0 .. count - 1 the number that it had before, and the Jaccard index of the two; matched ones only.

    One to one, so that the sum of the Jaccard indices is the greatest (Hungarian method, Kuhn 1955); only customers
    who are in both runs are counted, so that new ones and those who stopped buying change nobody's number.
    """
    import numpy as np
    from scipy.optimize import linear_sum_assignment

    _, here, there = np.intersect1d(now.customers, before.customers, assume_unique=True, return_indices=True)
    numbers, old = np.unique(before.clusters[there], return_inverse=True)
    if not len(numbers):
        return {}
    both = np.bincount(now.clusters[here] * len(numbers) + old, minlength=count * len(numbers)).reshape(count, -1)
    either = both.sum(axis=1, keepdims=True) + both.sum(axis=0, keepdims=True) - both
    jaccard = both / np.maximum(either, 1)
    pairs = zip(*linear_sum_assignment(jaccard, maximize=True), strict=True)
    return {
        int(new): (int(numbers[place]), float(jaccard[new, place]))
        for new, place in pairs
        if jaccard[new, place] >= LEAST_OVERLAP
    }


def numbered(kept: dict[int, tuple[int, float]], order: list[int], highest: int) -> list[int]:
    """The number of each new cluster: the one it had, or the next that was never used, given out in `order`."""
    fresh = iter(range(highest + 1, highest + 1 + len(order)))
    numbers = {place: kept[place][0] if place in kept else next(fresh) for place in order}
    return [numbers[place] for place in range(len(order))]
