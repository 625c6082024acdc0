"""The engine for one machine: scipy's sparse matrices and mlxtend."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    import scipy.sparse as sp
    from numpy.typing import NDArray

_BLOCK = 1_024  # items counted against all others at a time: bounds the memory of the pair counts


class LocalEngine:
    """Runs in this process, on one core or as many as the libraries take."""

    name = "local"

    def frequent_itemsets(
        self, baskets: sp.csr_array, *, min_support: float, max_len: int, total: int | None = None
    ) -> pd.DataFrame:
        """See `Engine.frequent_itemsets`. FP-growth (Han, Pei and Yin 2000) by mlxtend, on what can be frequent at all.

        mlxtend's tree has a Python object for each place of an item in a basket. So what cannot matter is dropped
        first: items that are not frequent, then items that are in no frequent pair - they are sets of one, known by
        their count. On 155,848 baskets with 68,509 products that is the difference between dying and some seconds.
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
        sets: list[tuple[frozenset[int], int]] = [(frozenset([int(i)]), int(counts[i])) for i in items]
        if max_len > 1 and len(items) > 1:
            paired = items[_has_frequent_pair(binary[:, items].tocsr(), least)]
            sets += _grow(binary[:, paired].tocsr(), paired, least, max_len)
        return pd.DataFrame(
            {
                "itemsets": pd.Series([s for s, _ in sets], dtype=object),
                "support": np.array([n / total for _, n in sets], dtype=float),
                "baskets": np.array([n for _, n in sets], dtype=np.int64),
            }
        )


def least_count(min_support: float, total: int) -> int:
    """The fewest baskets that reach the share; rounded first, because 0.1 * 30 is a little more than 3."""
    return max(1, math.ceil(round(min_support * total, 6)))


def _has_frequent_pair(binary: sp.csr_array, least: int) -> NDArray[np.bool_]:
    """For each column whether it lies together with another one in at least `least` rows."""
    import numpy as np

    found = np.zeros(binary.shape[1], dtype=bool)
    for start in range(0, binary.shape[1], _BLOCK):
        together = (binary[:, start : start + _BLOCK].T @ binary).tocoo()
        row, column = together.coords
        often = (together.data >= least) & (row + start != column)
        found[np.unique(row[often]) + start] = True
    return found


def _grow(binary: sp.csr_array, items: NDArray[np.int64], least: int, max_len: int) -> list[tuple[frozenset[int], int]]:
    """The frequent sets of two and more, as sets of `items`, with their counts."""
    import pandas as pd
    import scipy.sparse as sp
    from mlxtend.frequent_patterns import fpgrowth

    full = binary[binary.sum(axis=1) > 1]  # a basket with one of the items holds no set of two
    if full.shape[0] == 0:
        return []
    frame = pd.DataFrame.sparse.from_spmatrix(sp.csr_matrix(full.astype(bool)))
    # half a basket less than the least, so that mlxtend's own rounding of the share meets it exactly
    found = fpgrowth(frame, min_support=(least - 0.5) / full.shape[0], max_len=max_len)
    pairs = zip(found["itemsets"], found["support"], strict=True)
    return [
        (frozenset(int(items[i]) for i in members), round(share * full.shape[0]))
        for members, share in pairs
        if len(members) > 1
    ]
