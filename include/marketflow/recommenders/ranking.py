"""The best products for each customer that she has not bought yet."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import scipy.sparse as sp
    from numpy.typing import NDArray

    from marketflow.recommenders.purchases import Purchases

# What sells now says more about what a customer will try next than a year's totals do.
RECENT_DAYS = 28
# Chosen on the demo's data before December 2017 (0.01 to 1 were tried; more follows the rules more). On five splits
# from July to November it gave an NDCG@10 7 to 12 % above popularity's; in December, when everybody buys what is new in
# the shops, the two are even.
RULE_WEIGHT = 0.03
# Rules are given as the reason where they raise a product by at least so much above its popularity.
_REASON_FROM = 0.1
# How far down a list is looked for another kind, in lengths of the list.
_REACH = 20
_BLOCK = 512  # customers scored at a time: bounds the memory


@dataclass(frozen=True, kw_only=True)
class Ranking:
    """Lists of `k` places: row i is for customer row i; -1 where there was nothing left to propose."""

    product: NDArray[np.int64]
    score: NDArray[np.float64]
    because: NDArray[np.int64]


def popularity(purchases: Purchases, days: int | None = RECENT_DAYS) -> NDArray[np.float64]:
    """Share of all customers who bought each product in the last `days` days; None: ever.

    A thousandth of the share who ever bought it is added, to order what nobody bought lately.
    """
    import numpy as np

    everybody = max(len(purchases.customers), 1)
    ever = np.asarray(purchases.bought.sum(axis=0)).ravel() / everybody
    if days is None:
        return ever
    lately = np.asarray(purchases.since(days).bought.sum(axis=0)).ravel() / everybody
    return lately + ever / 1_000


def rank_products(
    bought: sp.csr_array,
    interest: sp.csr_array,
    gain: sp.csr_array,
    popular: NDArray[np.float64],
    *,
    k: int,
    kinds: NDArray[np.int64] | None = None,
    rule_weight: float = RULE_WEIGHT,
) -> Ranking:
    """The `k` best products per customer that she has not bought.

    score(c, p) = popular(p) * (1 + raise(c, p)) / (1 + mean of raise(., p) over the customers without p), where
    raise(c, p) = rule_weight * sum over products q of interest(c, q) * gain(q, p): what anybody may buy next, raised
    for those whose purchases point to it. The mean keeps products with many rules from rising in everybody's list.

    `bought` and `interest`: customers x products; `gain`: products x products (see `lift_matrix`); `popular`: per
    product, in 0 to 1. With `kinds` (a number per product) a list holds one product of a kind only, while there are
    enough kinds. Equal scores: the lower column first. `because` is the bought product whose rule raised the proposed
    one most, or -1 where it is there for its popularity.
    """
    import numpy as np

    candidates = _candidates(bought, gain, popular, k if kinds is None else _REACH * k)
    customers, width = bought.shape[0], min(k, len(candidates))
    product = np.full((customers, k), -1, dtype=np.int64)
    score = np.zeros((customers, k))
    because = np.full((customers, k), -1, dtype=np.int64)
    narrow = (rule_weight * gain[:, candidates]).tocsc()
    base = popular[candidates] / (1 + _mean_raise(bought[:, candidates], interest, narrow))
    for start in range(0, customers if width else 0, _BLOCK):
        block = slice(start, min(start + _BLOCK, customers))
        raised = (interest[block] @ narrow).toarray()
        values = base[None, :] * (1 + raised)
        values[bought[block][:, candidates].toarray() > 0] = -np.inf
        order = np.argsort(-values, axis=1, kind="stable")
        best = _first(order, np.isfinite(values).sum(axis=1), width, None if kinds is None else kinds[candidates])
        top = np.take_along_axis(values, best, axis=1)
        there = np.isfinite(top)
        product[block, :width] = np.where(there, candidates[best], -1)
        score[block, :width] = np.where(there, top, 0.0)
        ruled = there & (np.take_along_axis(raised, best, axis=1) >= _REASON_FROM)
        because[block, :width] = _reasons(interest[block], narrow, best, ruled)
    return Ranking(product=product, score=score, because=because)


def _candidates(
    bought: sp.csr_array, gain: sp.csr_array, popular: NDArray[np.float64], depth: int
) -> NDArray[np.int64]:
    """Products that can be among anybody's best `depth`: those that rules lead to, and enough of the popular ones."""
    import numpy as np

    most = int(np.diff(bought.indptr).max(initial=0)) + depth
    by_popularity = np.argsort(-popular, kind="stable")[:most]
    by_rules = np.unique(gain.tocoo().coords[1])
    return np.union1d(by_popularity, by_rules).astype(np.int64)


def _first(
    order: NDArray[np.int64], there: NDArray[np.int64], width: int, kinds: NDArray[np.int64] | None
) -> NDArray[np.int64]:
    """The first `width` of each row's order, first of their kind before others; `there`: how many may be used."""
    import numpy as np

    if kinds is None:
        return order[:, :width]
    chosen = order[:, :width].copy()
    for row, columns in enumerate(order):
        near = columns[: min(_REACH * width, there[row])]
        leaders = np.sort(np.unique(kinds[near], return_index=True)[1])
        places = np.concatenate([leaders, np.setdiff1d(np.arange(len(near)), leaders)])[:width]
        chosen[row, : len(places)] = near[places]
    return chosen


def _mean_raise(bought: sp.csr_array, interest: sp.csr_array, gain: sp.csc_array) -> NDArray[np.float64]:
    """Mean over the customers who have not bought a product of what rules raise it by, per product."""
    import numpy as np

    total, without = np.zeros(gain.shape[1]), np.zeros(gain.shape[1])
    for start in range(0, bought.shape[0], _BLOCK):
        new = bought[start : start + _BLOCK].toarray() == 0
        total += np.where(new, (interest[start : start + _BLOCK] @ gain).toarray(), 0).sum(axis=0)
        without += new.sum(axis=0)
    return total / np.maximum(without, 1)


def _reasons(
    interest: sp.csr_array, gain: sp.csc_array, best: NDArray[np.int64], ruled: NDArray[np.bool_]
) -> NDArray[np.int64]:
    """For each place where `ruled`, the product of the customer's whose rule adds most; -1 elsewhere."""
    import numpy as np

    found = np.full(best.shape, -1, dtype=np.int64)
    for row, place in np.argwhere(ruled):
        column = best[row, place]
        sources = gain.indices[gain.indptr[column] : gain.indptr[column + 1]]
        gains = gain.data[gain.indptr[column] : gain.indptr[column + 1]]
        mine = interest.indices[interest.indptr[row] : interest.indptr[row + 1]]
        weight = interest.data[interest.indptr[row] : interest.indptr[row + 1]]
        _, at_source, at_mine = np.intersect1d(sources, mine, assume_unique=True, return_indices=True)
        found[row, place] = sources[at_source[np.argmax(gains[at_source] * weight[at_mine])]]
    return found
