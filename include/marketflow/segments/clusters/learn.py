"""Clusters learnt from features: scaled, the number chosen, made; and given to any customers afterwards."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from marketflow.engines import engine
from marketflow.segments.clusters.choice import MINIBATCH_FROM, SAMPLE, Choice, Method, choose_k
from marketflow.segments.clusters.matrix import Scaling, fit_scaling
from marketflow.shared import NotEnoughData

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

    from marketflow.engines.door import ClusterMethod, Clusters, Distance

SEED = 20260401
_LEARNT_FROM = 100_000  # customers; more change the centres by nothing that can be seen
_ROWS_AT_A_TIME = 100_000
_LEAST_PER_CLUSTER = 2


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What a run is asked for; stored with it. `auto`: k-means, by mini-batches where there are many customers."""

    window_days: int = 365
    k_min: int = 3
    k_max: int = 8
    method: Literal["auto", "kmeans", "minibatch", "hierarchical"] = "auto"
    distance: Distance = "euclidean"

    def __post_init__(self) -> None:
        """Raises ValueError for what cannot be done."""
        if not 2 <= self.k_min <= self.k_max <= 50:
            raise ValueError("k_min and k_max must be from 2 to 50, k_min not above k_max")
        if self.window_days < 1:
            raise ValueError("window_days must be 1 at least")
        if self.method not in {"auto", "kmeans", "minibatch", "hierarchical"}:
            raise ValueError("method must be auto, kmeans, minibatch or hierarchical")
        if self.distance not in {"euclidean", "manhattan"}:
            raise ValueError("distance must be euclidean or manhattan")


@dataclass(frozen=True, kw_only=True)
class Learnt:
    """Clusters, and how they came about."""

    scaling: Scaling
    clusters: Clusters
    choice: Choice
    how: Method
    sample: NDArray[np.int64]  # the rows that it was learnt from

    def assign(self, features: pd.DataFrame) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """(cluster, distance to its centre) of each row, by blocks of rows."""
        import numpy as np

        parts = [features.iloc[n : n + _ROWS_AT_A_TIME] for n in range(0, len(features), _ROWS_AT_A_TIME)]
        found = [self.clusters.nearest(self.scaling.matrix(part)) for part in parts]
        return np.concatenate([labels for labels, _ in found]), np.concatenate([apart for _, apart in found])


@dataclass(frozen=True, kw_only=True)
class Made:
    """Customers with their clusters: `labels` 0, 1, ... (all there) and distances by row of `features`."""

    features: pd.DataFrame
    learnt: Learnt
    labels: NDArray[np.int64]
    distance: NDArray[np.float64]


def make(features: pd.DataFrame, asked: Asked, before: int | None = None) -> Made:
    """Learn from cleaned features and give every customer a cluster; see `learn`."""
    import numpy as np

    learnt = learn(features, asked, before)
    labels, distance = learnt.assign(features)
    used, labels = np.unique(labels, return_inverse=True)
    kept = replace(learnt, clusters=replace(learnt.clusters, centres=learnt.clusters.centres[used]))
    return Made(features=features, learnt=kept, labels=labels, distance=distance)


def learn(features: pd.DataFrame, asked: Asked, before: int | None = None) -> Learnt:
    """Learn from cleaned features. Raises NotEnoughData where there is nothing to tell customers apart by.

    before: the number of clusters until now, which stays if it is as good as any.
    """
    sample = _sample(len(features))
    rows = features.iloc[sample]
    scaling = fit_scaling(rows)
    matrix = scaling.matrix(rows)
    how = _method(asked, len(rows))
    choice = choose_k(matrix, _range(matrix, asked), how, before)
    clusters = engine().cluster(matrix, choice.k, method=how.method, distance=how.distance, seed=how.seed)
    return Learnt(scaling=scaling, clusters=clusters, choice=choice, how=how, sample=sample)


def _method(asked: Asked, rows: int) -> Method:
    automatic: ClusterMethod = "minibatch" if rows >= MINIBATCH_FROM else "kmeans"
    return Method(method=automatic if asked.method == "auto" else asked.method, distance=asked.distance, seed=SEED)


def _sample(rows: int) -> NDArray[np.int64]:
    import numpy as np

    if rows <= _LEARNT_FROM:
        return np.arange(rows)
    return np.sort(np.random.default_rng(SEED).permutation(rows)[:_LEARNT_FROM])


def _range(matrix: NDArray[np.float64], asked: Asked) -> range:
    """The numbers of clusters to try: as asked, or as many as the customers allow."""
    import numpy as np

    customers = len(matrix)
    different = len(np.unique(matrix[:SAMPLE], axis=0)) if matrix.shape[1] else min(customers, 1)
    most = min(customers // _LEAST_PER_CLUSTER, different)
    if most < 2:
        raise NotEnoughData(
            f"{customers} customers bought something in the {asked.window_days} days, of whom {different} differ: "
            f"clusters need at least {2 * _LEAST_PER_CLUSTER} customers who are not all alike"
        )
    return range(min(asked.k_min, most), min(asked.k_max, most) + 1)
