"""What all customers together teach about products, as of a day: how much they sell, to whom, and with what."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import scipy.sparse as sp
    from numpy.typing import NDArray

    from marketflow.engines import Engine
    from marketflow.recommenders.products.catalogue import Catalogue
    from marketflow.recommenders.products.history import History

WINDOWS = (7, 28, 91)  # days
NEW_WINDOWS = (14, 28, 56)
_FACTORS = 64
_NEIGHBOURS = 50  # of a product
_LEAST_BUYERS = 5  # fewer say nothing about what goes with a product
_MOST_PRODUCTS = 1_000  # of one customer: who buys everything links everything with everything
_ROBOT_PRODUCTS = 5_000  # nobody buys so many for herself, and what a robot buys is not popular
_REFERENCES = 20_000  # customers among whom those who buy alike are looked for
_SHRINK = 50.0  # a group's own popularity counts half with so many customers


@dataclass(frozen=True, kw_only=True)
class Knowledge:
    """Numbers per product, as shares of all customers where not said otherwise.

    `popular`: who bought it in the last 7, 28, 91 days; `new`: who bought it the first time in the last 14, 28, 56.
    `buyers`: how many ever did. `again`: share of the buyers who bought it twice. `depth`: baskets per buyer.
    `by_group`: groups of customers x products, share of the group that bought it in the last 28 days, shrunk towards
    everybody's (of 91 days, or ever, where nothing was bought in 28). `alike`: products x products, cosine of who buys
    them. `factors`: products x factors.
    `others`, `others_bought`: the customers among whom those who buy alike are found, as interest and as 0 and 1.
    """

    customers: int
    popular: dict[int, NDArray[np.float32]]
    new: dict[int, NDArray[np.float32]]
    buyers: NDArray[np.float32]
    again: NDArray[np.float32]
    depth: NDArray[np.float32]
    by_group: NDArray[np.float32]
    alike: sp.csr_array
    factors: NDArray[np.float32]
    others: sp.csr_array
    others_bought: sp.csr_array


def know(
    history: History, catalogue: Catalogue, group: NDArray[np.int64], groups: int, *, engine: Engine, seed: int
) -> Knowledge:
    """Learn from `history`, of all customers or of a sample; `group`: a number below `groups` for each of its rows.

    Customers with more than 5,000 products are taken for robots, and teach nothing.
    """
    import numpy as np

    history = history.narrower_than(_ROBOT_PRODUCTS)
    pairs, width = history.pairs, history.products
    everybody = max(history.customers, 1)
    count = np.bincount(pairs.line, minlength=len(pairs))
    first = np.zeros(len(pairs), dtype=np.int64)
    np.maximum.at(first, pairs.line, history.age)
    newest = np.full(len(pairs), np.iinfo(np.int64).max)
    np.minimum.at(newest, pairs.line, history.age)

    def share(which: NDArray[np.bool_]) -> NDArray[np.float32]:
        return (np.bincount(pairs.product[which], minlength=width) / everybody).astype(np.float32)

    buyers = np.bincount(pairs.product, minlength=width).astype(np.float32)
    repeated = np.bincount(pairs.product, weights=count > 1, minlength=width)
    bought = np.bincount(pairs.product, weights=count, minlength=width)
    popular = {days: share(newest < days) for days in WINDOWS}
    # a shop that has sold nothing for a while goes by what sold before
    lately = next((each for each in (popular[28], popular[91], share(newest >= 0)) if each.any()), popular[28])
    interest = history.interest()
    learnable = _of_people(interest)
    return Knowledge(
        customers=history.customers,
        popular=popular,
        new={days: share(first < days) for days in NEW_WINDOWS},
        buyers=buyers,
        again=((repeated + 1) / (buyers + 5)).astype(np.float32),
        depth=(bought / np.maximum(buyers, 1)).astype(np.float32),
        by_group=_by_group(pairs.customer[newest < 28], pairs.product[newest < 28], group, groups, lately),
        alike=_alike(learnable, buyers, catalogue, engine),
        factors=engine.factorise(learnable, _FACTORS, seed=seed),
        **_references(interest, history.bought, seed),
    )


def _of_people(interest: sp.csr_array) -> sp.csr_array:
    """Without the rows that hold more products than anybody buys for herself."""
    import numpy as np

    return interest[np.diff(interest.indptr) <= _MOST_PRODUCTS]


def _by_group(
    customer: NDArray[np.int64],
    product: NDArray[np.int64],
    group: NDArray[np.int64],
    groups: int,
    everybody: NDArray[np.float32],
) -> NDArray[np.float32]:
    import numpy as np

    width = len(everybody)
    bought = np.bincount(group[customer] * width + product, minlength=groups * width).reshape(groups, width)
    size = np.bincount(group, minlength=groups)[:, None]
    return np.asarray((bought + _SHRINK * everybody) / (size + _SHRINK), dtype=np.float32)


def _alike(interest: sp.csr_array, buyers: NDArray[np.float32], catalogue: Catalogue, engine: Engine) -> sp.csr_array:
    """Products x products, 0 where one of them has too few buyers."""
    import numpy as np
    import scipy.sparse as sp

    enough = np.flatnonzero((buyers >= _LEAST_BUYERS) & catalogue.proposable)
    found = engine.neighbours(interest[:, enough].T.tocsr(), _NEIGHBOURS).tocoo()
    place = (enough[found.coords[0]], enough[found.coords[1]])
    return sp.csr_array(sp.coo_array((found.data, place), shape=(len(buyers), len(buyers))))


def _references(interest: sp.csr_array, bought: sp.csr_array, seed: int) -> dict[str, sp.csr_array]:
    import numpy as np

    many = np.diff(interest.indptr)
    rows = np.flatnonzero((many > 0) & (many <= _MOST_PRODUCTS))
    if len(rows) > _REFERENCES:
        rows = np.sort(np.random.default_rng(seed).choice(rows, _REFERENCES, replace=False))
    return {"others": interest[rows], "others_bought": bought[rows]}
