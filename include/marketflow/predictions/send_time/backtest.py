"""How much of the pattern is a customer's own: learnt on one period, measured on the next one.

Concentrations are chosen by log loss on the period before the last; each level is then used only if on the last
period, which nothing was chosen on, it foretells better than the level above.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from marketflow.predictions.send_time.days import Days, Dimension, Segments
from marketflow.predictions.send_time.model import (
    BASES,
    CONCENTRATIONS,
    HALF_LIVES,
    Recipe,
    best_of_customers,
    blend_groups,
    group_totals,
    shrink,
    spread,
)

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

HORIZON_DAYS = 28
FEWEST = 30  # customers with later behaviour: with fewer an interval means little
_DRAWS = 2_000
_GROUPS = 1_000


@dataclass(frozen=True, kw_only=True)
class Stage:
    """What was known at a cut, and what customers did in the days after it.

    codes: each customer's segment at the cut. totals: (segments + 1) x slots counts before it. who, slot, times: what
    was done later, as triples of a customer's place, a slot, and on how many days.
    """

    days: Days
    dimension: Dimension
    cut_age: int
    codes: NDArray[np.int64]
    totals: NDArray[np.float64]
    who: NDArray[np.int64]
    slot: NDArray[np.int64]
    times: NDArray[np.float64]

    def own(self, width: int, half_life: float | None) -> NDArray[np.float64]:
        """customers x slots: her own counts before the cut, weighed and spread."""
        return spread(self.days.tally(self.dimension, newest=self.cut_age, half_life=half_life), width)

    def loss(self, shares: NDArray[np.float64]) -> NDArray[np.float64]:
        """Log loss summed by customer, of n x slots (or 1 x slots) shares."""
        import numpy as np

        rows = self.who if len(shares) == len(self.days) else np.zeros_like(self.who)
        return _summed(self.who, -self.times * np.log(shares[rows, self.slot]), len(self.days))

    def difference(self, loss: NDArray[np.float64], other: NDArray[np.float64], seed: int) -> tuple[float, float]:
        """The interval of the difference of two log losses per observation; below 0 the first is better."""
        return interval(loss - other, _summed(self.who, self.times, len(self.days)), seed)

    @property
    def measured(self) -> int:
        """Customers who did something after the cut."""
        import numpy as np

        return len(np.unique(self.who))


def make_stage(days: Days, dimension: Dimension, segments: Segments, cut_age: int) -> Stage:
    """The stage whose cut lies `cut_age` days before `days.as_of`; HORIZON_DAYS after it are held out."""
    import numpy as np

    before = days.tally(dimension, newest=cut_age)
    later = days.tally(dimension, oldest=cut_age, newest=cut_age - HORIZON_DAYS if cut_age > HORIZON_DAYS else None)
    who, slot = np.nonzero(later)
    return Stage(
        days=days, dimension=dimension, cut_age=cut_age, codes=segments.codes, who=who, slot=slot,
        totals=group_totals(before, segments.codes, len(segments.names)), times=later[who, slot],
    )  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Measured:
    """What a backtest found: the recipe, log losses per observation, and what else is worth knowing."""

    recipe: Recipe
    ours: float | None
    everybody: float | None
    uniform: float | None
    facts: dict[str, Any] = field(default_factory=dict)


def measure(tune: Stage, test: Stage, *, seed: int) -> Measured:
    """Choose the recipe on `tune`, and keep of it the levels that prove themselves on `test`.

    A level is kept if the whole 95 % interval of the difference in log loss, to the level above and to everybody's
    plain shares, is below 0.
    """
    import numpy as np

    if min(tune.measured, test.measured) < FEWEST:
        facts = {"customers_measured": test.measured, "why": f"fewer than {FEWEST} customers did something later"}
        return Measured(recipe=Recipe(), ours=None, everybody=None, uniform=None, facts=facts)
    slots, number = test.dimension.slots, float(test.times.sum())
    uniform = test.loss(np.full((1, slots), 1 / slots))
    plain = test.loss(shrink(test.totals.sum(axis=0, keepdims=True) + 1, np.zeros((1, slots)), 0.0))
    recipe, best, levels = Recipe(), uniform, {}
    for level, choose in _LEVELS.items():
        tried = choose(tune, recipe)
        loss = test.loss(_shares(test, tried))
        beaten = [best] if level == "everybody" else [best, plain]
        intervals = [test.difference(loss, other, seed) for other in beaten]
        used = math.isfinite(getattr(tried, level)) and all(high < 0 for _, high in intervals)
        levels[level] = {**tried.facts(), "used": used, "log_loss": _mean(loss, number), "difference": intervals[0]}
        recipe, best = (tried, loss) if used else (recipe, best)
    facts = {
        "levels": levels, "customers_measured": test.measured, "observations_measured": number,
        "difference_to_everybody": test.difference(best, plain, seed), **recipe.facts(), **_hits(test, recipe),
    }  # fmt: skip
    ours, everybody, nothing = (_mean(loss, number) for loss in (best, plain, uniform))
    return Measured(recipe=recipe, ours=ours, everybody=everybody, uniform=nothing, facts=facts)


def _mean(loss: NDArray[np.float64], number: float) -> float:
    return float(loss.sum()) / number


def interval(difference: NDArray[np.float64], observed: NDArray[np.float64], seed: int) -> tuple[float, float]:
    """95 % bootstrap interval of sum(difference) / sum(observed), customers being drawn with replacement.

    difference, observed: by customer. Many customers are first put at random into 1,000 groups, which are drawn
    (Efron and Tibshirani 1993, chapter 8: the unit that is drawn must be independent, not small).
    """
    import numpy as np

    rng = np.random.default_rng(seed)
    there = np.flatnonzero(observed > 0)
    groups = min(_GROUPS, len(there))
    group = rng.permutation(len(there)) % groups
    sums = _summed(group, difference[there], groups), _summed(group, observed[there], groups)
    drawn = rng.multinomial(groups, np.full(groups, 1 / groups), size=_DRAWS)
    low, high = np.quantile(drawn @ sums[0] / (drawn @ sums[1]), [0.025, 0.975])
    return float(low), float(high)


def _summed(who: NDArray[np.int64], values: NDArray[np.float64], size: int) -> NDArray[np.float64]:
    """The sums of `values` by `who`, for 0 to size - 1."""
    import numpy as np

    return np.bincount(who, values, size).astype(np.float64, copy=False)


def _shares(stage: Stage, recipe: Recipe) -> NDArray[np.float64]:
    """What the recipe foretells: n x slots, or 1 x slots where all are alike."""
    groups = blend_groups(stage.totals, recipe)
    if math.isfinite(recipe.customer):
        return shrink(stage.own(recipe.width, recipe.half_life), groups.shares[stage.codes], recipe.customer)
    return groups.shares[stage.codes] if math.isfinite(recipe.segment) else groups.everybody


def _choose_everybody(stage: Stage, recipe: Recipe) -> Recipe:
    tried = [replace(recipe, everybody=c) for c in CONCENTRATIONS]
    return min(tried, key=lambda r: float(stage.loss(_shares(stage, r)).sum()))


def _choose_segment(stage: Stage, recipe: Recipe) -> Recipe:
    if len(stage.totals) < 3:  # one segment, or none, is everybody
        return recipe
    tried = [replace(recipe, segment=c) for c in CONCENTRATIONS]
    return min(tried, key=lambda r: float(stage.loss(_shares(stage, r)).sum()))


def _choose_customer(stage: Stage, recipe: Recipe) -> Recipe:
    """The least log loss over concentrations, widths and half-lives: looked up only where something was done later."""
    import numpy as np

    above = blend_groups(stage.totals, recipe).shares[stage.codes[stage.who], stage.slot]
    best, least = recipe, float(-(stage.times * np.log(above)).sum())
    for half_life in HALF_LIVES:
        for width in stage.dimension.widths:
            counts = stage.own(width, half_life)
            there, total = counts[stage.who, stage.slot], counts.sum(axis=1)[stage.who]
            for c in CONCENTRATIONS[:-1]:
                loss = float(-(stage.times * np.log((there + c * above) / (total + c))).sum())
                if loss < least:
                    best, least = replace(recipe, customer=c, width=width, half_life=half_life), loss
    return best


_LEVELS: dict[str, Callable[[Stage, Recipe], Recipe]] = {
    "everybody": _choose_everybody,
    "segment": _choose_segment,
    "customer": _choose_customer,
}


def _hits(stage: Stage, recipe: Recipe) -> dict[str, Any]:
    """How much of the later behaviour fell into the slot that was named, beside everybody's best, where one was."""
    import numpy as np

    counts = stage.days.tally(stage.dimension, newest=stage.cut_age, half_life=recipe.half_life)
    best, basis = best_of_customers(counts, stage.codes, blend_groups(stage.totals, recipe), recipe)
    common = int(np.argmax(stage.totals.sum(axis=0)))
    basis = np.where(counts.sum(axis=1) > 0, basis, BASES.index("none"))
    said = basis[stage.who] != BASES.index("none")
    who, slot, times = stage.who[said], stage.slot[said], stage.times[said]
    number = float(times.sum())
    return {
        "share_in_best": float(times[slot == best[who]].sum()) / number if number else None,
        "share_in_everybodys_best": float(times[slot == common].sum()) / number if number else None,
        "observations_with_best": number,
        "bases_measured": {name: int((basis == place).sum()) for place, name in enumerate(BASES)},
    }
