"""How many clusters: each number of a range is tried, judged by three measures, and one is chosen by a rule."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

from marketflow.engines import engine

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from marketflow.engines.door import ClusterMethod, Distance

SAMPLE = 10_000  # rows that the numbers of clusters are tried on
SILHOUETTE_SAMPLE = 4_000  # rows whose distances are all held: 128 MB
STABLE_FROM = 0.75  # Steinley (2004): an adjusted Rand index below 0.65 is poor, above 0.8 good
SMALLEST_SHARE = 0.02  # a cluster of fewer customers is a splinter
AS_GOOD = 0.03  # silhouettes that differ by no more divide as well: the scale goes from -1 to 1
_RESAMPLES = 5
_RESAMPLE_SHARE = 0.8
_RESTARTS = 4
MINIBATCH_FROM = 20_000  # rows from which on `auto` means mini-batches


@dataclass(frozen=True, kw_only=True)
class Method:
    """How clusters are made; `seed` fixes every draw."""

    method: ClusterMethod
    distance: Distance
    seed: int


@dataclass(frozen=True, kw_only=True)
class Tried:
    """A number of clusters and how well it fits.

    silhouette: -1 to 1 (Rousseeuw 1987), calinski_harabasz: above 0 (1974; of squared Euclidean distances also where
    the clusters are made by Manhattan's); more is better. stability: mean adjusted Rand index (Hubert and Arabie 1985)
    of the clusters learnt from resamples, 1 where all agree, 0 as by chance. smallest: share of the smallest cluster.
    """

    k: int
    silhouette: float | None
    calinski_harabasz: float | None
    stability: float | None
    smallest: float
    sample_size: int


@dataclass(frozen=True, kw_only=True)
class Choice:
    """The chosen number, why, and all that were tried."""

    k: int
    reason: str
    tried: tuple[Tried, ...]


def choose_k(matrix: NDArray[np.float64], ks: range, how: Method, before: int | None = None) -> Choice:
    """Try each of `ks` on a sample of the rows of `matrix`; see `chosen` for the rule. before: the number until now."""
    rng = _rng(how.seed)
    rows = drawn(matrix, SAMPLE, rng)
    few = rng.permutation(len(rows))[:SILHOUETTE_SAMPLE]
    apart = _distances(rows[few], how.distance)
    tried = tuple(_try(rows, k, how, few, apart) for k in ks)
    k, reason = chosen(tried, before)
    return Choice(k=k, reason=reason, tried=tried)


def chosen(tried: tuple[Tried, ...], before: int | None = None) -> tuple[int, str]:
    """The rule: of numbers whose clusters come out again in resamples and leave no splinter, the finest as good as any.

    Stable is from 0.75 on, no splinter is from 2 % of the customers on, as good as any is a silhouette at most 0.03
    below the best of these: between numbers that divide as well, the finer says more. The number that was published
    before (`before`) stays while it is among them, so that it does not change from day to day. If none is stable and
    without splinters: the most stable one, the lower of equals.
    """
    sound = [t for t in tried if (t.stability or 0) >= STABLE_FROM and t.smallest >= SMALLEST_SHARE]
    if not sound:
        best = max(tried, key=lambda t: (t.stability or 0, -t.k))
        return best.k, f"none is stable (from {STABLE_FROM} on) without splinters: the most stable"
    most = max(_or_worst(t.silhouette) for t in sound)
    least = most - AS_GOOD
    good = [t.k for t in sound if _or_worst(t.silhouette) >= least]
    if before in good:
        return before, "as before: still stable, and it divides as well as any"
    return max(good), f"the most that are stable and divide as well as any (silhouette from {least:.3f} on)"


def _or_worst(value: float | None) -> float:
    return -1.0 if value is None else value


def silhouette(matrix: NDArray[np.float64], labels: NDArray[np.int64], how: Method) -> float | None:
    """The mean silhouette of a sample of the rows; None for fewer than two clusters."""
    few = _rng(how.seed).permutation(len(matrix))[:SILHOUETTE_SAMPLE]
    return _silhouette(_distances(matrix[few], how.distance), labels[few])


def shuffled(matrix: NDArray[np.float64], seed: int) -> NDArray[np.float64]:
    """Each column in an order of its own: the same values, and nothing that goes together."""
    return _rng(seed).permuted(matrix, axis=0)


def drawn(matrix: NDArray[np.float64], most: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """At most so many rows, in their order."""
    import numpy as np

    return matrix if len(matrix) <= most else matrix[np.sort(rng.permutation(len(matrix))[:most])]


def _rng(seed: int) -> np.random.Generator:
    import numpy as np

    return np.random.default_rng(seed)


def _try(rows: NDArray[np.float64], k: int, how: Method, few: NDArray[np.int64], apart: NDArray[np.float64]) -> Tried:
    import numpy as np

    labels = (
        engine().cluster(rows, k, method=how.method, distance=how.distance, seed=how.seed, restarts=_RESTARTS).labels
    )
    return Tried(
        k=k, silhouette=_silhouette(apart, labels[few]), calinski_harabasz=_calinski_harabasz(rows, labels),
        stability=_stability(rows, k, how), smallest=float(np.bincount(labels, minlength=k).min() / len(rows)),
        sample_size=len(rows),
    )  # fmt: skip


def _distances(rows: NDArray[np.float64], distance: Distance) -> NDArray[np.float64]:
    from sklearn.metrics import pairwise_distances

    apart: NDArray[np.float64] = pairwise_distances(rows, metric=distance)
    apart.flat[:: len(rows) + 1] = 0  # rounding leaves a trace of distance to itself
    return apart


def _silhouette(apart: NDArray[np.float64], labels: NDArray[np.int64]) -> float | None:
    import numpy as np
    from sklearn.metrics import silhouette_score

    if not 1 < len(np.unique(labels)) < len(labels):
        return None
    return float(silhouette_score(apart, labels, metric="precomputed"))


def _calinski_harabasz(rows: NDArray[np.float64], labels: NDArray[np.int64]) -> float | None:
    import numpy as np
    from sklearn.metrics import calinski_harabasz_score

    if not 1 < len(np.unique(labels)) < len(labels):
        return None
    value = float(calinski_harabasz_score(rows, labels))
    return value if np.isfinite(value) else None


def _stability(rows: NDArray[np.float64], k: int, how: Method) -> float | None:
    """Learn from several resamples of 80 % of the rows, give all rows to each, and see how far each two agree."""
    from sklearn.metrics import adjusted_rand_score

    rng = _rng(how.seed)
    size = int(len(rows) * _RESAMPLE_SHARE)
    if size < k:
        return None
    labels = []
    for _ in range(_RESAMPLES):
        some = rows[rng.permutation(len(rows))[:size]]
        found = engine().cluster(
            some, k, method=how.method, distance=how.distance, seed=int(rng.integers(1 << 31)), restarts=_RESTARTS
        )
        labels.append(found.nearest(rows)[0])
    pairs = [float(adjusted_rand_score(one, other)) for one, other in combinations(labels, 2)]
    return sum(pairs) / len(pairs)
