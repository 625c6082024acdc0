"""The engine for one machine: numpy, scipy and scikit-learn."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    import scipy.sparse as sp
    from numpy.typing import NDArray

    from marketflow.engines.door import Best, ClusterMethod, Clusters, Distance


class LocalEngine:
    """Runs in this process."""

    name = "local"

    def frequent_itemsets(
        self,
        baskets: sp.csr_array,
        *,
        min_support: float,
        max_len: int | None = None,
        total: int | None = None,
        most: int | None = None,
    ) -> pd.DataFrame:
        """See `Engine.frequent_itemsets`; `local_itemsets` says how."""
        import numpy as np
        import pandas as pd

        from marketflow.engines.local_itemsets import as_binary, mine

        if not 0 < min_support <= 1 or (max_len is not None and max_len < 1):
            raise ValueError("min_support must be above 0 and at most 1, max_len at least 1")
        total = total or baskets.shape[0]
        found = mine(as_binary(baskets), least=least_count(min_support, total), max_len=max_len, most=most)
        sets = sorted(((sorted(members), n) for members, n in found), key=lambda each: (len(each[0]), each[0]))
        counts = np.array([n for _, n in sets], dtype=np.int64)
        itemsets = pd.Series([frozenset(members) for members, _ in sets], dtype=object)
        return pd.DataFrame({"itemsets": itemsets, "support": counts / max(total, 1), "baskets": counts})

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

    def neighbours(self, matrix: sp.csr_array, k: int, *, among: sp.csr_array | None = None) -> sp.csr_array:
        """See `Engine.neighbours`."""
        from marketflow.engines.local_products import neighbours

        return neighbours(matrix, k, among=among)

    def factorise(self, matrix: sp.csr_array, rank: int, *, seed: int) -> NDArray[np.float32]:
        """See `Engine.factorise`."""
        from marketflow.engines.local_products import factorise

        return factorise(matrix, rank, seed=seed)

    def top_n(self, left: sp.csr_array, right: sp.csr_array, n: int, *, exclude: sp.csr_array | None = None) -> Best:
        """See `Engine.top_n`."""
        from marketflow.engines.local_products import top_n

        return top_n(left, right, n, exclude=exclude)


def least_count(min_support: float, total: int) -> int:
    """The fewest baskets that reach the share; rounded first, because 0.1 * 30 is a little more than 3."""
    return max(1, math.ceil(round(min_support * total, 6)))
