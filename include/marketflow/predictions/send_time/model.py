"""When a customer does something: her own counts, shrunk towards her segment's, everybody's, and no pattern at all.

Each level's shares are the mean of a Dirichlet posterior whose prior is the level above: (counts + c * parent) /
(total + c), as in Mosimann, "On the compound multinomial distribution" (Biometrika 1962) and the hierarchy of Teh et
al., "Hierarchical Dirichlet processes" (JASA 2006). The concentration c says how many observations the level above is
worth; it is learnt, and infinite where a level adds nothing.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

CONCENTRATIONS = (*(2.0 ** (power / 2) for power in range(25)), math.inf)
HALF_LIVES: tuple[float | None, ...] = (None, 180.0, 90.0)
BASES = ("none", "everybody", "segment", "customer")  # a basis is its place in this list
# How likely it must be that her own best slot is better than the group's. On The Complete Journey, as of 2017-08-31 and
# 2017-10-31, orders of the last 28 days fell into the hour that was named as often with 0.5 as with 0.6, and less often
# with 0.7 and more (14.9 %, 15.1 %, 14.2 %; everybody's best hour: 10.1 %).
CREDIBLE = 0.6


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How the levels of one dimension are blended: a concentration for each, infinite where the level is not used.

    width: how far a customer's counts are spread. half_life: days after which her behaviour counts half; None: never.
    """

    everybody: float = math.inf
    segment: float = math.inf
    customer: float = math.inf
    width: int = 0
    half_life: float | None = None

    @property
    def basis(self) -> str:
        """The most personal level that is used."""
        return next((b for b in reversed(BASES[1:]) if math.isfinite(getattr(self, b))), BASES[0])

    def facts(self) -> dict[str, Any]:
        """As JSON; a level that is not used has no concentration."""
        levels = {b: getattr(self, b) if math.isfinite(getattr(self, b)) else None for b in BASES[1:]}
        return {"concentrations": levels, "spread_slots": self.width, "half_life_days": self.half_life}


def shrink(counts: NDArray[np.float64], parent: NDArray[np.float64], concentration: float) -> NDArray[np.float64]:
    """n x slots of shares that sum to 1 by row, between the row's own and `parent`'s, which may be one row for all."""
    import numpy as np

    if math.isinf(concentration):
        return np.broadcast_to(parent, counts.shape)
    found: NDArray[np.float64] = counts + concentration * parent
    found /= found.sum(axis=1, keepdims=True)
    return found


def spread(counts: NDArray[np.float64], width: int) -> NDArray[np.float64]:
    """Counts handed in part to the slots beside theirs, around the clock: binomial weights, 1/4 1/2 1/4 for width 1."""
    import numpy as np

    if width == 0:
        return counts
    found = np.zeros_like(counts)
    for step in range(-width, width + 1):
        found += math.comb(2 * width, width + step) / 4**width * np.roll(counts, step, axis=1)
    return found


def best_slots(
    counts: NDArray[np.float64],
    parent: NDArray[np.float64],
    concentration: float,
    above: tuple[NDArray[np.int64], NDArray[np.int64]],
    basis: str,
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """(best slot, basis) of each row: its own best where its counts bear it out, else what is said `above` it.

    counts: n x slots; parent: n x slots of shares; above: n best slots and n places in BASES. A row speaks for itself,
    with `basis`, if with a probability of CREDIBLE its best slot is better than the one above, or, where both are the
    same, if its own counts weigh at least as much as the parent. Where nothing is said above, its best slot must be
    better than a slot taken blindly, with 1 - (1 - CREDIBLE) / slots, as it is the best of so many.
    """
    import numpy as np
    from scipy.special import betainc

    if math.isinf(concentration):
        return above
    rows, slots = np.arange(len(counts)), counts.shape[1]
    weights = counts + concentration * parent
    own = np.argmax(weights, axis=1)
    ours, total = weights[rows, own], weights.sum(axis=1)
    better = betainc(weights[rows, above[0]], ours, 0.5) >= CREDIBLE
    better_than_blind = betainc(ours, total - ours, 1 / slots) <= (1 - CREDIBLE) / slots
    agrees = counts.sum(axis=1) >= concentration
    speaks = np.where(above[1] == 0, better_than_blind, np.where(own == above[0], agrees, better))
    return np.where(speaks, own, above[0]), np.where(speaks, BASES.index(basis), above[1])


def group_totals(counts: NDArray[np.float64], codes: NDArray[np.int64], groups: int) -> NDArray[np.float64]:
    """(groups + 1) x slots: the sums of `counts` by group; the last is of those in none."""
    import numpy as np

    found = np.zeros((groups + 1, counts.shape[1]))
    np.add.at(found, codes, counts)
    return found


@dataclass(frozen=True, kw_only=True)
class Groups:
    """What stands above a customer: shares, best slot and basis, by segment; the last row is for those in none."""

    everybody: NDArray[np.float64]
    shares: NDArray[np.float64]
    best: NDArray[np.int64]
    basis: NDArray[np.int64]


def blend_groups(totals: NDArray[np.float64], recipe: Recipe) -> Groups:
    """Everybody's pattern and the segments', shrunk, from (segments + 1) x slots counts."""
    import numpy as np

    slots = totals.shape[1]
    nothing = np.full((1, slots), 1 / slots)
    everybody = shrink(totals.sum(axis=0, keepdims=True), nothing, recipe.everybody)
    shares = np.array(shrink(totals, everybody, recipe.segment))
    shares[-1] = everybody[0]
    said = np.full(len(totals), np.argmax(everybody[0]))
    why = np.full(len(totals), BASES.index("everybody" if math.isfinite(recipe.everybody) else "none"))
    rows = np.repeat(everybody, len(totals), axis=0)
    best, basis = best_slots(totals, rows, recipe.segment, (said, why), "segment")
    best[-1], basis[-1] = said[-1], why[-1]
    return Groups(everybody=everybody, shares=shares, best=best, basis=basis)


def best_of_customers(
    counts: NDArray[np.float64], codes: NDArray[np.int64], groups: Groups, recipe: Recipe
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """(best slot, basis) by customer, from her counts and her segment's code.

    The counts are weighed by age as the recipe says, and not yet spread. Slots count from 0. With the basis `none` the
    slot means nothing.
    """
    own = spread(counts, recipe.width)
    return best_slots(own, groups.shares[codes], recipe.customer, (groups.best[codes], groups.basis[codes]), "customer")
