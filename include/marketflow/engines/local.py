"""The engine for one machine: scipy, mlxtend and scikit-learn."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    import scipy.sparse as sp
    from numpy.typing import NDArray

    from marketflow.engines.door import ClusterMethod, Clusters, Distance

_BLOCK = 1_024  # items counted against all others at a time: bounds the memory of the pair counts

Sets = list[tuple[frozenset[int], int]]  # a set of columns, and the number of baskets that hold it


class LocalEngine:
    """Runs in this process."""

    name = "local"

    def frequent_itemsets(
        self, baskets: sp.csr_array, *, min_support: float, max_len: int, total: int | None = None
    ) -> pd.DataFrame:
        """See `Engine.frequent_itemsets`.

        Items are dropped before anything is built of them: first those that are not frequent, and for sets of three
        and more those that are in no frequent pair. Pairs are counted by a sparse matrix product; only larger sets need
        FP-growth (Han, Pei and Yin 2000), by mlxtend, whose tree holds a Python object for each place of an item in a
        basket. A plain one-hot table of 155,848 baskets and 68,509 products would take 10 GB.
        """
        import numpy as np
        import pandas as pd

        if not 0 < min_support <= 1 or max_len < 1:
            raise ValueError("min_support must be above 0 and at most 1, max_len at least 1")
        total = total or baskets.shape[0]
        least = least_count(min_support, total)
        binary = (baskets != 0).astype(np.int32).tocsr()
        counts = np.asarray(binary.sum(axis=0)).ravel()
        items = np.flatnonzero(counts >= least)
        sets: Sets = [(frozenset([int(i)]), int(counts[i])) for i in items]
        if max_len > 1:
            pairs = _pairs(binary[:, items].tocsr(), items, least)
            sets += pairs if max_len == 2 else _larger(binary, pairs, least, max_len)
        return pd.DataFrame(
            {
                "itemsets": pd.Series([s for s, _ in sets], dtype=object),
                "support": np.array([n / total for _, n in sets], dtype=float),
                "baskets": np.array([n for _, n in sets], dtype=np.int64),
            }
        )

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
        """See `Engine.cluster`."""
        from marketflow.engines.local_clusters import cluster

        return cluster(matrix, k, method=method, distance=distance, seed=seed, restarts=restarts)


def least_count(min_support: float, total: int) -> int:
    """The fewest baskets that reach the share; rounded first, because 0.1 * 30 is a little more than 3."""
    return max(1, math.ceil(round(min_support * total, 6)))


def _pairs(binary: sp.csr_array, items: NDArray[np.int64], least: int) -> Sets:
    """All pairs of columns that lie together in at least `least` rows, named by `items`."""
    found: Sets = []
    for start in range(0, binary.shape[1], _BLOCK):
        together = (binary[:, start : start + _BLOCK].T @ binary).tocoo()
        row, column = together.coords[0] + start, together.coords[1]
        often = (together.data >= least) & (row < column)
        members = zip(items[row[often]].tolist(), items[column[often]].tolist(), strict=True)
        found += [(frozenset(pair), count) for pair, count in zip(members, together.data[often].tolist(), strict=True)]
    return found


def _larger(binary: sp.csr_array, pairs: Sets, least: int, max_len: int) -> Sets:
    """The frequent sets of two and more; every item of such a set is in a frequent pair."""
    import numpy as np
    import pandas as pd
    import scipy.sparse as sp
    from mlxtend.frequent_patterns import fpgrowth

    items = np.array(sorted({item for pair, _ in pairs for item in pair}), dtype=np.int64)
    if len(items) == 0:
        return []
    narrow = binary[:, items].tocsr()
    narrow = narrow[np.diff(narrow.indptr) > 1]  # a basket with one of the items holds no set of two
    rows = narrow.shape[0]
    sparse: Any = pd.DataFrame.sparse  # pandas-stubs do not know the accessor on the class
    frame = sparse.from_spmatrix(sp.csr_matrix(narrow.astype(bool)))
    # half a basket less than the least, so that mlxtend's own rounding of the share meets it exactly
    found = fpgrowth(frame, min_support=(least - 0.5) / rows, max_len=max_len)
    return [
        (frozenset(int(items[i]) for i in members), round(share * rows))
        for members, share in zip(found["itemsets"], found["support"], strict=True)
        if len(members) > 1
    ]
