"""From scored candidates to lists."""

from __future__ import annotations

from typing import TYPE_CHECKING

from marketflow.recommenders.products.candidates import places

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from marketflow.recommenders.products.candidates import Candidates


def chosen(
    candidates: Candidates, score: NDArray[np.float64], length: int, kinds: NDArray[np.int64] | None = None
) -> NDArray[np.int64]:
    """Places of the entries in the lists, best first: as many as `length` for each customer, or all there are.

    `kinds`: a number per product. A list then holds the best of each kind before a second one of any.
    """
    import numpy as np

    place = places(candidates.customer, candidates.product, _varied(candidates, score, kinds))
    inside = np.flatnonzero(place < length)
    return inside[np.lexsort((place[inside], candidates.customer[inside]))]


def as_table(
    candidates: Candidates, score: NDArray[np.float64], length: int, kinds: NDArray[np.int64] | None = None
) -> NDArray[np.int64]:
    """Customers x places: the products of `chosen`, -1 where there are no more."""
    import numpy as np

    table = np.full((candidates.customers, length), -1, dtype=np.int64)
    place = places(candidates.customer, candidates.product, _varied(candidates, score, kinds))
    inside = place < length
    table[candidates.customer[inside], place[inside]] = candidates.product[inside]
    return table


def together(*parts: tuple[Candidates, NDArray[np.float64]]) -> tuple[Candidates, NDArray[np.float64]]:
    """One set of candidates without signs, and their scores, which must mean the same: chances."""
    import numpy as np

    from marketflow.recommenders.products.candidates import Candidates

    found = Candidates(
        customer=np.concatenate([c.customer for c, _ in parts]),
        product=np.concatenate([c.product for c, _ in parts]),
        signs={},
        customers=max(c.customers for c, _ in parts),
    )
    return found, np.concatenate([score for _, score in parts])


def _varied(candidates: Candidates, score: NDArray[np.float64], kinds: NDArray[np.int64] | None) -> NDArray[np.float64]:
    """The scores, lower where there is a better one of the kind: seconds come after all firsts, thirds after those."""
    import numpy as np

    if kinds is None:
        return score
    lowered: NDArray[np.float64] = score - _repeats(candidates, score, kinds) * (np.abs(score).max(initial=0) + 1)
    return lowered


def _repeats(candidates: Candidates, score: NDArray[np.float64], kinds: NDArray[np.int64]) -> NDArray[np.int64]:
    """How many better ones of its kind the customer's candidates hold."""
    width = int(kinds.max(initial=0)) + 1
    return places(candidates.customer * width + kinds[candidates.product], candidates.product, score)
