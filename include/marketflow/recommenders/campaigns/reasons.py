"""Why a campaign is proposed for a customer, for the marketer: what speaks most for it, where it is true."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from marketflow.recommenders.campaigns.signals import FAMILY_OF_SIGNAL, View

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Integers = NDArray[np.int64]
    Floats = NDArray[np.float64]

MOST_REASONS = 3
_WEIGHTY = 0.05
"""How far a family of signals must raise the log odds to be worth a word."""
_NOTHING_KNOWN = "nothing is known of this customer yet: ranked by how such campaigns did"
_LITTLE = "ranked by how such campaigns did: little speaks for this customer in particular"


@dataclass(frozen=True)
class _Facts:
    """What words are made of, by customer (the row)."""

    received: list[int]
    answered: list[int]
    alike_answered: list[bool]
    coupon_days: list[int]
    offered: list[str]
    known: list[bool]
    with_coupons: bool


def reasons_of(view: View, campaign: int, rows: Integers, contributions: Floats) -> list[str]:
    """A text for each of these customers (`rows` of the view); contributions: (rows, signals), as Blend has them."""
    import numpy as np

    facts = _facts(view, campaign, rows)
    families = list(_WORDS)
    of_signal = np.array(list(FAMILY_OF_SIGNAL.values()))
    sums = np.column_stack([contributions[:, of_signal == family].sum(axis=1) for family in families])
    order = np.argsort(-sums, axis=1, kind="stable")
    texts = []
    for row, (places, weights) in enumerate(zip(order.tolist(), sums.tolist(), strict=True)):
        said = (_WORDS[families[f]](facts, row) for f in places if weights[f] > _WEIGHTY)
        words = list(dict.fromkeys(text for text in said if text))[:MOST_REASONS]
        texts.append("; ".join(words) or _otherwise(facts, row))
    return texts


def _otherwise(facts: _Facts, row: int) -> str:
    """Where nothing raises the chance above the average receiver's."""
    if not facts.known[row]:
        return _NOTHING_KNOWN
    return f"buys some of what it offers: {facts.offered[row]}" if facts.offered[row] else _LITTLE


def _facts(view: View, campaign: int, rows: Integers) -> _Facts:
    import numpy as np

    received = np.asarray(view.received.sum(axis=1)).ravel()[rows]
    alike = view.answered @ (view.alike[campaign] >= 0.5).astype(np.float64)
    bought = np.bincount(view.purchases.customer, minlength=len(view.known.customers))[rows]
    return _Facts(
        received=received.astype(int).tolist(),
        answered=np.asarray(view.answered.sum(axis=1)).ravel()[rows].astype(int).tolist(),
        alike_answered=(alike[rows] > 0).tolist(),
        coupon_days=view.coupon_days[rows].astype(int).tolist(),
        offered=_bought_of_offer(view, campaign, rows),
        known=((bought + received) > 0).tolist(),
        with_coupons=bool(view.known.campaigns.has_coupons.all()),
    )


def _bought_of_offer(view: View, campaign: int, rows: Integers) -> list[str]:
    """The category of which most of what the campaign offers was bought; '' where nothing was."""
    import numpy as np

    lines = view.offered_lines(campaign)
    category = view.known.categories[view.purchases.product[lines]]
    lines, category = lines[category >= 0], category[category >= 0]
    size = max(len(view.known.category_names), 1)
    pairs, counts = np.unique(view.purchases.customer[lines] * size + category, return_counts=True)
    best = np.full(len(view.known.customers), -1, dtype=np.int64)
    order = np.lexsort((-pairs, counts))  # the last one wins: most lines, then the first name
    best[pairs[order] // size] = pairs[order] % size
    names = [*view.known.category_names, ""]
    return [names[place] for place in best[rows].tolist()]


def _answers(facts: _Facts, row: int) -> str:
    answered, received = facts.answered[row], facts.received[row]
    if not answered:
        return ""
    what = "used coupons of" if facts.with_coupons else "answered"
    return (
        f"{what} {answered} of the {received} campaigns received" if received > 1 else f"{what} the campaign received"
    )


def _coupons(facts: _Facts, row: int) -> str:
    days = facts.coupon_days[row]
    return f"used coupons on {days} {'day' if days == 1 else 'days'}" if days else ""


def _offer(facts: _Facts, row: int) -> str:
    return f"buys what it offers: {facts.offered[row]}" if facts.offered[row] else ""


def _alike(facts: _Facts, row: int) -> str:
    return "has answered campaigns like it" if facts.alike_answered[row] else ""


def _neighbours(facts: _Facts, row: int) -> str:
    return "customers who answered the same campaigns answer such ones" if facts.answered[row] else ""


_WORDS = {
    "answers": _answers,
    "coupons": _coupons,
    "offer": _offer,
    "categories": _offer,
    "alike": _alike,
    "neighbours": _neighbours,
}
