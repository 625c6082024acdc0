"""How good lists are: hit rate and normalised discounted cumulative gain (Järvelin and Kekäläinen 2002)."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import scipy.sparse as sp
    from numpy.typing import NDArray


def list_quality(lists: NDArray[np.int64], wanted: sp.csr_array) -> dict[str, float | int | None]:
    """HR@k and NDCG@k of `lists` (customers x k columns, -1 for no product) against what each customer then bought.

    `wanted`: customers x products, non-zero where bought. Only customers who bought something count, and all of them.
    HR is the share with at least one hit; NDCG weighs a hit at place i by 1/log2(i + 1), over the best list possible.
    """
    import numpy as np

    sizes = np.diff(wanted.indptr)
    who, k = np.flatnonzero(sizes > 0), lists.shape[1]
    if len(who) == 0 or k == 0:
        return {"hr_at_10": None, "ndcg_at_10": None, "customers": 0}
    hits = np.zeros((len(who), k))
    for place, row in enumerate(who):
        hits[place] = np.isin(lists[row], wanted.indices[wanted.indptr[row] : wanted.indptr[row + 1]])
    discount = 1 / np.log2(np.arange(2, k + 2))
    ideal = np.cumsum(discount)[np.minimum(sizes[who], k) - 1]
    return {
        "hr_at_10": round(float((hits.sum(axis=1) > 0).mean()), 4),
        "ndcg_at_10": round(float((hits @ discount / ideal).mean()), 4),
        "customers": len(who),
    }
