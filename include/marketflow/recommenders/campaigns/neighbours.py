"""User-based collaborative filtering over customers x campaigns: what those who answered alike did about such ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import scipy.sparse as sp
    from numpy.typing import NDArray

    Integers = NDArray[np.int64]
    Floats = NDArray[np.float64]

NEAREST = 40
MOST = 20_000
"""Neighbours are looked for among so many; the first by number of answers, then by number."""
_AT_A_TIME = 1_000
_SHRINK = 0.5  # of the cosine: as much as half a perfect neighbour who does as everybody does


@dataclass(frozen=True)
class Crowd:
    """Who has answered something: their numbers, what they received and what they answered, (customers, campaigns)."""

    customers: Integers
    received: sp.csr_array
    answered: sp.csr_array


def crowd_of(customers: Integers, received: sp.csr_array, answered: sp.csr_array) -> Crowd:
    """Those of the customers who have answered at least one campaign."""
    import numpy as np

    count = np.diff(answered.indptr)
    rows = np.flatnonzero(count)
    if len(rows) > MOST:
        rows = np.sort(rows[np.argsort(-count[rows], kind="stable")[:MOST]])
    return Crowd(customers[rows], received[rows], answered[rows])


def by_neighbours(crowd: Crowd, customers: Integers, answered: sp.csr_array, alike: Floats, base: float) -> Floats:
    """(customers,): the rate at which each one's 40 nearest answered campaigns, weighted by how `alike` they are.

    customers, answered: numbers and (customers, campaigns), of whom it is asked; nobody is her own neighbour. alike:
    (campaigns,), to the campaign that is asked about. base: the rate of who has no neighbours. Cosine over answers.
    """
    import numpy as np

    rate = np.full(len(customers), base)
    if not len(crowd.customers):
        return rate
    did = (crowd.answered @ alike + _SHRINK * base) / (crowd.received @ alike + _SHRINK)
    theirs = _unit(crowd.answered)
    rows = np.flatnonzero(np.diff(answered.indptr))
    for start in range(0, len(rows), _AT_A_TIME):
        some = rows[start : start + _AT_A_TIME]
        cosine = (_unit(answered[some]) @ theirs.T).toarray()
        _forget_oneself(cosine, customers[some], crowd.customers)
        rate[some] = _rate(cosine, did, base)
    return rate


def _rate(cosine: Floats, did: Floats, base: float) -> Floats:
    import numpy as np

    if cosine.shape[1] > NEAREST:
        # ties go to who did more, or who comes first would decide
        best = np.argpartition(-(cosine + 1e-9 * did), NEAREST, axis=1)[:, :NEAREST]
        cosine, did = np.take_along_axis(cosine, best, axis=1), did[best]
    rate: Floats = ((cosine * did).sum(axis=1) + _SHRINK * base) / (cosine.sum(axis=1) + _SHRINK)
    return rate


def _forget_oneself(cosine: Floats, customers: Integers, crowd: Integers) -> None:
    import numpy as np

    place = np.minimum(np.searchsorted(crowd, customers), len(crowd) - 1)
    own = np.flatnonzero(crowd[place] == customers)
    cosine[own, place[own]] = 0.0


def _unit(answered: sp.csr_array) -> sp.csr_array:
    """Rows of length 1; those of zeros stay."""
    import numpy as np
    import scipy.sparse as sp

    length = np.sqrt(np.asarray(answered.sum(axis=1), dtype=np.float64)).ravel()
    return sp.csr_array(sp.diags_array(1 / np.maximum(length, 1)) @ answered)
