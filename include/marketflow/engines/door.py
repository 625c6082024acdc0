"""The narrow door: what an engine must be able to do, and how to get one by name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

from marketflow.shared import ConfigurationError

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    import scipy.sparse as sp
    from numpy.typing import NDArray

EngineName = Literal["local"]
ClusterMethod = Literal["kmeans", "minibatch", "hierarchical"]
Distance = Literal["euclidean", "manhattan"]
_ROWS_AT_A_TIME = 65_536


@dataclass(frozen=True, kw_only=True)
class Clusters:
    """Centres (clusters x columns), the number of the nearest one per row, and how many rows they were learnt from."""

    centres: NDArray[np.float64]
    labels: NDArray[np.int64]
    distance: Distance
    learnt_from: int

    def nearest(self, matrix: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """(label, distance) of the nearest centre for each row, the first of equals; of any rows, also new ones."""
        import numpy as np
        from scipy.spatial.distance import cdist

        metric = "cityblock" if self.distance == "manhattan" else "euclidean"
        labels, distances = np.zeros(len(matrix), dtype=np.int64), np.zeros(len(matrix))
        for start in range(0, len(matrix), _ROWS_AT_A_TIME):
            block = slice(start, start + _ROWS_AT_A_TIME)
            apart = cdist(matrix[block], self.centres, metric)
            labels[block], distances[block] = apart.argmin(axis=1), apart.min(axis=1)
        return labels, distances


@dataclass(frozen=True, kw_only=True)
class Best:
    """The best columns of each row with their scores, best first (rows x n); -1 and 0 where there were no more."""

    columns: NDArray[np.int32]
    scores: NDArray[np.float32]

    def matrix(self, width: int) -> sp.csr_array:
        """The same as a sparse matrix of rows x `width`."""
        import numpy as np
        import scipy.sparse as sp

        there = self.columns >= 0
        row = np.repeat(np.arange(len(self.columns)), there.sum(axis=1))
        shape = (len(self.columns), width)
        return sp.csr_array(sp.coo_array((self.scores[there], (row, self.columns[there])), shape=shape))


class TooManySets(Exception):
    """There are more frequent itemsets than were allowed: a higher threshold or shorter sets are needed."""

    def __init__(self, most: int) -> None:
        super().__init__(f"there are more than {most:,} frequent itemsets")
        self.most = most


class Engine(Protocol):
    """Heavy operations over matrices; each engine gives the same results, to the last count."""

    name: str

    def frequent_itemsets(
        self,
        baskets: sp.csr_array,
        *,
        min_support: float,
        max_len: int | None = None,
        total: int | None = None,
        most: int | None = None,
    ) -> pd.DataFrame:
        """All sets of items that lie together in at least `min_support` of the baskets.

        `baskets`: one row per basket, one column per item, non-zero where the basket holds the item.
        `min_support`: share, above 0, up to 1. `max_len`: most items in a set; None: any number. `total`: number of
        baskets that the share is of, when empty ones were left out of the matrix. Gives one row per set: `itemsets`
        (frozenset of column numbers), `support` (share of `total`), `baskets` (count). Raises TooManySets when there
        are more than `most`.
        """
        ...

    def cluster(
        self,
        matrix: NDArray[np.float64],
        k: int,
        *,
        method: ClusterMethod = "kmeans",
        distance: Distance = "euclidean",
        seed: int,
        restarts: int = 10,
    ) -> Clusters:
        """At most `k` clusters of the rows of `matrix` (finite, rows x columns); fewer where fewer rows differ.

        `distance` manhattan: centres are medians (k-medians), for which there are no mini-batches. `hierarchical` is
        quadratic and learns from a sample; all rows are given to the nearest centre. `seed`: the same one gives the
        same clusters. `restarts`: beginnings, of which the best counts. ValueError: fewer rows than clusters.
        """
        ...

    def neighbours(self, matrix: sp.csr_array, k: int, *, among: sp.csr_array | None = None) -> sp.csr_array:
        """The `k` rows most like each row, by the cosine of the angle between them (rows x rows, above 0 only).

        `matrix`: rows x columns, sparse, not negative. `among`: other rows with the same columns to choose from; None:
        the same rows, and none is its own neighbour.
        """
        ...

    def factorise(self, matrix: sp.csr_array, rank: int, *, seed: int) -> NDArray[np.float32]:
        """The factors of the columns (columns x `rank`) by a truncated singular value decomposition of unit rows.

        A row's score for a column is row @ factors @ factors[column] (PureSVD: Cremonesi, Koren and Turrin 2010), so
        that rows that were not there can be scored, too. Randomised (Halko, Martinsson and Tropp 2011); the same seed
        gives the same factors.
        """
        ...

    def top_n(self, left: sp.csr_array, right: sp.csr_array, n: int, *, exclude: sp.csr_array | None = None) -> Best:
        """The `n` best columns above 0 of each row of `left @ right`, which is never held as a whole.

        `exclude`: rows x columns, non-zero where a column may not be chosen.
        """
        ...


def engine(name: EngineName = "local") -> Engine:
    """The engine of that name; raises ConfigurationError for one that does not exist."""
    if name == "local":
        from marketflow.engines.local import LocalEngine

        return LocalEngine()
    raise ConfigurationError(f"there is no engine {name!r}; there is: local")
