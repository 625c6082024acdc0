"""How good lists are, on what customers then bought."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import scipy.sparse as sp
    from numpy.typing import NDArray

LENGTH = 10
_DRAWS = 2_000


@dataclass(frozen=True, kw_only=True)
class Quality:
    """One entry per customer who bought something that counts, in the order of `customer`.

    `hit`: at least one product of the list was bought. `ndcg`: normalised discounted cumulative gain, a hit at place i
    weighs 1/log2(i + 1), over the best list possible (Järvelin and Kekäläinen 2002). `recall`: share of what was
    bought.
    `coverage`: share of the products that stand in anybody's list; `novelty`: mean of -log2 of the listed products'
    share of buyers (Zhou et al. 2010).
    """

    customer: NDArray[np.int64]
    hit: NDArray[np.float64]
    ndcg: NDArray[np.float64]
    recall: NDArray[np.float64]
    coverage: float
    novelty: float

    def mean(self, metric: str, among: NDArray[np.bool_] | None = None) -> float | None:
        """Of hit, ndcg or recall; `among`: a flag per customer of the data. None where nobody counts."""
        values: NDArray[np.float64] = getattr(self, metric)
        chosen = values if among is None else values[among[self.customer]]
        return round(float(chosen.mean()), 4) if len(chosen) else None


def quality(lists: NDArray[np.int64], wanted: sp.csr_array, share: NDArray[np.floating]) -> Quality:
    """Of `lists` (customers x places, -1 for none) against `wanted` (customers x products, non-zero where bought).

    `share`: of the customers who ever bought each product.
    """
    import numpy as np

    sizes = np.diff(wanted.indptr)
    who, width = np.flatnonzero(sizes > 0), wanted.shape[1]
    row = np.repeat(np.arange(wanted.shape[0]), sizes)
    bought = row * width + wanted.indices
    mine = lists[who]
    hits = np.isin(who[:, None] * width + mine, bought) & (mine >= 0)
    discount = 1 / np.log2(np.arange(2, lists.shape[1] + 2))
    ideal = np.cumsum(discount)[np.minimum(sizes[who], lists.shape[1]) - 1]
    listed = mine[mine >= 0]
    return Quality(
        customer=who,
        hit=(hits.any(axis=1)).astype(float),
        ndcg=hits @ discount / ideal,
        recall=hits.sum(axis=1) / sizes[who],
        coverage=len(np.unique(listed)) / max(width, 1),
        novelty=float(np.mean(-np.log2(np.maximum(share[listed], 1e-9)))) if len(listed) else 0.0,
    )


def interval_of_difference(
    ours: NDArray[np.float64], theirs: NDArray[np.float64], *, seed: int
) -> tuple[float, float] | None:
    """95 % of the mean difference of the same customers, by the bootstrap (Efron 1979); None for nobody."""
    import numpy as np

    if len(ours) == 0:
        return None
    apart, rng = ours - theirs, np.random.default_rng(seed)
    means = [apart[rng.integers(0, len(apart), len(apart))].mean() for _ in range(_DRAWS)]
    low, high = np.quantile(means, (0.025, 0.975))
    return round(float(low), 5), round(float(high), 5)
