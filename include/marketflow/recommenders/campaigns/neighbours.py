"""User-based collaborative filtering over customers x campaigns: what those who answered alike did about such ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from marketflow.recommenders.campaigns.measures import SEED

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


@dataclass(frozen=True)
class Nearest:
    """Of customers: the rows of those who have answered something; and of each of these her neighbours.

    crowd, cosine: (rows, neighbours), the places in the crowd and how alike they are; not in order.
    """

    rows: Integers
    crowd: Integers
    cosine: Floats


def nearest(crowd: Crowd, customers: Integers, answered: sp.csr_array) -> Nearest:
    """The 40 of the crowd whose answers are most alike by cosine, whatever the campaign that is asked about.

    customers, answered: numbers and (customers, campaigns), of whom it is asked; nobody is her own neighbour.
    """
    import numpy as np

    rows = np.flatnonzero(np.diff(answered.indptr)) if len(crowd.customers) else np.empty(0, dtype=np.int64)
    many = min(NEAREST, len(crowd.customers))
    found = Nearest(rows, np.empty((len(rows), many), dtype=np.int64), np.empty((len(rows), many)))
    theirs, first = _unit(crowd.answered), _who_comes_first(crowd)
    for start in range(0, len(rows), _AT_A_TIME):
        some = rows[start : start + _AT_A_TIME]
        cosine = (_unit(answered[some]) @ theirs.T).toarray()
        _forget_oneself(cosine, customers[some], crowd.customers)
        best = np.argpartition(-(cosine + first), many - 1, axis=1)[:, :many]
        found.crowd[start : start + len(some)] = best
        found.cosine[start : start + len(some)] = np.take_along_axis(cosine, best, axis=1)
    return found


def by_neighbours(crowd: Crowd, near: Nearest, size: int, alike: Floats, base: float) -> Floats:
    """(size,): the rate at which each customer's nearest answered campaigns, weighted by how `alike` they are.

    near: of the customers, `size` of them. alike: (campaigns,), to the campaign that is asked about. base: the rate of
    who has no neighbours.
    """
    import numpy as np

    rate = np.full(size, base)
    if not len(near.rows):
        return rate
    did = (crowd.answered @ alike + _SHRINK * base) / (crowd.received @ alike + _SHRINK)
    sums = (near.cosine * did[near.crowd]).sum(axis=1)
    rate[near.rows] = (sums + _SHRINK * base) / (near.cosine.sum(axis=1) + _SHRINK)
    return rate


def _who_comes_first(crowd: Crowd) -> Floats:
    """Too little to outdo a nearer one: of those as near, who answers more of what comes, then by lot.

    Without it the order of the numbers would decide, and of those who have answered one campaign thousands are as near.
    """
    import numpy as np

    lot = np.random.default_rng(SEED).random(len(crowd.customers))
    answered, received = (np.asarray(of.sum(axis=1)).ravel() for of in (crowd.answered, crowd.received))
    first: Floats = 1e-9 * answered / (received + 1) + 1e-12 * lot
    return first


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
