"""How many sets and rules there would be, before they are looked for: a low threshold makes millions of them."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from marketflow.engines import Engine, TooManySets
from marketflow.shared import NotEnoughData

if TYPE_CHECKING:
    import pandas as pd
    import scipy.sparse as sp

MOST_SETS = 1_000_000
# Of a set with n items there are 2^n - 2 rules: two million take half a minute and a gigabyte.
MOST_RULES = 2_000_000
# A set that is just frequent lies in about so many baskets of the sample: of fewer, chance makes too many frequent.
_LEAST_IN_SAMPLE = 50
_SMALLEST_SAMPLE = 20_000
_SEED = 5


@dataclass(frozen=True, kw_only=True)
class Cut:
    """What is asked for at a level. `threshold`: the parameter that `min_support` comes from; `total`: all baskets."""

    level: str
    threshold: str
    min_support: float
    max_len: int | None
    total: int


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """Frequent items and pairs, counted; `larger` sets and all possible `rules`, from `sampled` baskets.

    `is_least`: counting was stopped at the limit, and there are more.
    """

    items: int
    pairs: int
    larger: int = 0
    rules: int = 0
    sampled: int = 0
    is_least: bool = False

    @property
    def sets(self) -> int:
        """Of any size."""
        return self.items + self.pairs + self.larger


def estimate_sets(
    baskets: sp.csr_array, cut: Cut, *, engine: Engine, most: int = MOST_SETS, smallest_sample: int = _SMALLEST_SAMPLE
) -> Estimate:
    """How many sets `cut` would give, and how many rules they could make.

    `baskets`: baskets x items, non-zero where held. Items and pairs are counted. Larger sets are counted in a sample of
    the baskets, whose size goes by the support and not by the number of baskets, always the same of the same baskets;
    then scaled as the sample's pairs are to all. On The Complete Journey that is within an eighth of what comes out.
    """
    items = len(find_sets(baskets, replace(cut, max_len=1), engine, None))
    if cut.max_len == 1:
        return Estimate(items=items, pairs=0)
    try:
        pairs = len(find_sets(baskets, replace(cut, max_len=2), engine, most)) - items
    except TooManySets:
        return Estimate(items=items, pairs=most - items, is_least=True)
    if cut.max_len == 2 or pairs < 3:
        return Estimate(items=items, pairs=pairs, rules=2 * pairs)
    size = max(smallest_sample, math.ceil(_LEAST_IN_SAMPLE / cut.min_support))
    part, of = _sample(baskets, size, cut.total)
    try:
        sizes = find_sets(part, replace(cut, total=of), engine, most)["itemsets"].map(len)
    except TooManySets:
        return Estimate(
            items=items, pairs=pairs, larger=most - items - pairs, sampled=part.shape[0], is_least=True
        )  # fmt: skip
    larger, scale = sizes[sizes > 2], pairs / max(int((sizes == 2).sum()), 1)
    return Estimate(
        items=items, pairs=pairs, larger=round(len(larger) * scale), sampled=part.shape[0],
        rules=2 * pairs + round(possible_rules(larger) * scale),
    )  # fmt: skip


def find_sets(baskets: sp.csr_array, cut: Cut, engine: Engine, most: int | None) -> pd.DataFrame:
    """See `Engine.frequent_itemsets`; raises TooManySets."""
    return engine.frequent_itemsets(
        baskets, min_support=cut.min_support, max_len=cut.max_len, total=cut.total, most=most
    )


def possible_rules(sizes: pd.Series[int]) -> int:
    """How many rules sets of these sizes can make."""
    import numpy as np

    return sum(((1 << size) - 2) * int(sets) for size, sets in enumerate(np.bincount(sizes)) if size > 1)


def refuse_too_many(cut: Cut, *, sets: int, rules: int, is_least: bool = False) -> None:
    """Raises NotEnoughData where there are more than the limits allow, with the threshold that is to be raised."""
    if sets <= MOST_SETS and rules <= MOST_RULES and not is_least:
        return
    if is_least:
        what = f"more than {MOST_SETS:,} frequent sets, the most that are looked for"
    else:
        limits = f"the limits are {MOST_SETS:,} and {MOST_RULES:,}"
        what = f"about {sets:,} frequent sets, which make up to {rules:,} rules ({limits})"
    remedy = f"raise {cut.threshold}, which is {cut.min_support:g}"
    if cut.max_len != 2:
        remedy += f", or lower max_len, which is {cut.max_len or 'not set'}"
    raise NotEnoughData(f"at {cut.level} level there would be {what}: {remedy}")


def _sample(baskets: sp.csr_array, size: int, total: int) -> tuple[sp.csr_array, int]:
    """At most `size` of the rows, and the total that they stand for."""
    import numpy as np

    rows = baskets.shape[0]
    if rows <= size:
        return baskets, total
    chosen = np.random.default_rng(_SEED).choice(rows, size, replace=False)
    return baskets[np.sort(chosen)], round(total * size / rows)
