"""Why a product is proposed: which of the customer's own products most points to it, and when one is due again."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    import scipy.sparse as sp
    from numpy.typing import NDArray

    from marketflow.recommenders.products.candidates import Candidates

_LEAST_LIKE = 0.05  # cosine of who buys two products, below which one is no reason for the other


def because_of(
    candidates: Candidates, interest: sp.csr_array, alike: sp.csr_array, share: NDArray[np.floating]
) -> NDArray[np.int64]:
    """For each entry the bought product that says most about it by who buys both, or -1 where none does.

    `interest`: customers x products; `alike`: products x products, cosines; `share`: of the customers who ever bought
    each product. What everybody buys says little, and weighs -log(share).
    """
    import numpy as np

    begins, many = alike.indptr[candidates.product], np.diff(alike.indptr)[candidates.product]
    entry = np.repeat(np.arange(len(candidates)), many)
    place = np.repeat(begins - np.cumsum(many) + many, many) + np.arange(int(many.sum()))
    near, cosine = alike.indices[place], alike.data[place]
    telling = -np.log(np.clip(share, 1e-9, 1.0))
    weight = cosine * telling[near] * _at(interest, candidates.customer[entry], near)
    found = np.full(len(candidates), -1, dtype=np.int64)
    strong = np.flatnonzero((weight > 0) & (cosine >= _LEAST_LIKE))
    order = strong[np.lexsort((near[strong], -weight[strong], entry[strong]))]
    first = np.unique(entry[order], return_index=True)[1]
    found[entry[order][first]] = near[order][first]
    return found


def due_on(again: Candidates, as_of: dt.date) -> pd.Series[pd.Timestamp]:
    """The day by which each is due again: the last purchase and the usual days between two. Unknown after one."""
    import numpy as np
    import pandas as pd

    last = np.asarray(again.signs["last_days"], dtype=float)
    gap = np.asarray(again.signs["gap_days"], dtype=float)
    days = pd.to_timedelta(pd.Series(np.round(gap - last)), unit="D")
    return pd.Series(pd.Timestamp(as_of) + days)


def _at(matrix: sp.csr_array, row: NDArray[np.int64], column: NDArray[np.int64]) -> NDArray[np.float32]:
    """The matrix's values at these places."""
    import numpy as np

    width = matrix.shape[1]
    known = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr)) * width + matrix.indices
    if len(known) == 0 or len(row) == 0:
        return np.zeros(len(row), dtype=np.float32)
    key = row * width + column
    place = np.minimum(np.searchsorted(known, key), len(known) - 1)
    return np.where(known[place] == key, matrix.data[place], 0).astype(np.float32)
