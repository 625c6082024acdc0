"""Why a customer is at risk, in words: what raises her chance to stop, most weighty first, where the words are true."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from marketflow.predictions.customers.rhythm import Rhythm
from marketflow.predictions.customers.signs import FAMILY_OF_SIGN, spending_beside_before

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

MOST_REASONS = 3
_WEIGHTY = 0.1
"""How far a family of signs must raise the logit to be worth a word: odds up by a tenth."""
_NO_ORDER = "no order in the last 12 weeks"
_MANY_RETURNS = 0.1  # of the orders


@dataclass(frozen=True)
class Typical:
    """The middle of all customers: usual gap in days, spread of gaps as of Rhythm, revenue per day with purchases."""

    gap: float
    irregularity: float
    order_value: float


def typical_of(features: pd.DataFrame, rhythm: Rhythm) -> Typical:
    """Of all customers in the frame."""
    import numpy as np

    value = features["revenue"].to_numpy(np.float64) / features["purchase_days"].to_numpy(np.float64)
    middles = (float(np.median(of)) for of in (rhythm.usual_gap(), rhythm.std, value))
    return Typical(*middles)


@dataclass(frozen=True)
class Customers:
    """What words are found in: features as of a day, the rhythm of the same customers, and what is typical of all."""

    features: pd.DataFrame
    rhythm: Rhythm
    typical: Typical


def reasons_of(customers: Customers, contributions: Floats) -> list[list[str]]:
    """For each customer up to three reasons; none where nothing raises her risk above the average.

    contributions: (customers, signs), as of AdditiveModel. Signs are added up by family; a family gives a reason if it
    raises the risk and has something true to say of the customer.
    """
    import numpy as np

    families = list(_WORDS)
    sums = family_sums(contributions, families)
    words = [_WORDS[family](customers) for family in families]
    order = np.argsort(-sums, axis=1, kind="stable")
    found = []
    for row, (places, weights) in enumerate(zip(order.tolist(), sums.tolist(), strict=True)):
        said = [words[f][row] for f in places if weights[f] > _WEIGHTY and words[f][row]]
        if _NO_ORDER in said and words[0][row] in said:
            said.remove(_NO_ORDER)  # for how long she has been away says it too
        found.append(said[:MOST_REASONS])
    return found


def family_sums(contributions: Floats, families: list[str]) -> Floats:
    """(customers, families): how far each family of signs moves the logit; they add up to what all signs do."""
    import numpy as np

    of_sign = np.array(list(FAMILY_OF_SIGN.values()))
    return np.column_stack([contributions[:, of_sign == family].sum(axis=1) for family in families])


def as_arrays(reasons: list[list[str]]) -> list[str]:
    """As PostgreSQL writes arrays of texts; the words have no quotation marks."""
    return ["{" + ",".join(f'"{reason}"' for reason in said) + "}" for said in reasons]


def _away(of: Customers) -> list[str]:
    away = (of.features["as_of"] - of.features["last_on"]).dt.days.tolist()
    times = (of.features["as_of"] - of.features["last_on"]).dt.days.to_numpy() / of.rhythm.usual_gap()
    often = (of.features["purchase_days"] >= 3).tolist()
    return [_away_words(*row) for row in zip(away, times.tolist(), often, strict=True)]


def _away_words(days: int, times: float, knows_usual: bool) -> str:
    if not knows_usual or times < 1.5:
        return f"last bought {_count(days, 'day')} ago" if days else ""
    if times >= 9.75:
        return "has been away over 10 times as long as usual"
    return f"has been away {times:.{1 if times < 2.75 else 0}f} times as long as usual"


def _rarer(of: Customers) -> list[str]:
    tenure = ((of.features["as_of"] - of.features["first_on"]).dt.days + 1).tolist()
    names = ("purchase_days", "days_28", "days_84")
    bought, in_28, in_84 = (of.features[name].tolist() for name in names)
    counts = zip(bought, tenure, in_28, in_84, strict=True)
    return [_rarer_words(*row) for row in counts]


def _rarer_words(bought: int, tenure: int, in_28: int, in_84: int) -> str:
    """Rarer than before, by the last 4 or 12 weeks beside all of the customer's time; else how few there are."""
    for days, seen in ((28, in_28), (84, in_84)):
        usual = round(bought / tenure * days)
        if tenure >= 2 * days and seen and seen < 0.75 * usual:
            return f"orders are getting rarer: on {_count(seen, 'day')} in {days // 7} weeks, usually {usual}"
    if in_84 >= 4 or tenure < 28:
        return ""
    return f"ordered on only {_count(in_84, 'day')} of the last 12 weeks" if in_84 else _NO_ORDER


def _rhythm(of: Customers) -> list[str]:
    usual, std = of.rhythm.usual_gap(), of.rhythm.std
    often = of.features["purchase_days"].to_numpy() >= 4
    irregular = often & (std > of.typical.irregularity)
    seldom = often & (usual > of.typical.gap)
    words = []
    for gap, is_seldom, is_irregular in zip(usual.tolist(), seldom.tolist(), irregular.tolist(), strict=True):
        if is_seldom:
            words.append(f"buys less often than most: about every {_count(round(gap), 'day')}")
        else:
            words.append("buys at irregular intervals" if is_irregular else "")
    return words


def _new(of: Customers) -> list[str]:
    bought = of.features["purchase_days"].tolist()
    tenure = (of.features["as_of"] - of.features["first_on"]).dt.days.tolist()
    return [
        "has bought only once" if n == 1
        else f"has bought on only {n} days" if n <= 3
        else "is a new customer" if days < 56
        else ""
        for n, days in zip(bought, tenure, strict=True)
    ]  # fmt: skip


def _spending(of: Customers) -> list[str]:
    share = spending_beside_before(of.features)
    value = of.features["revenue"].to_numpy() / of.features["purchase_days"].to_numpy()
    small = value < of.typical.order_value
    long_known = (of.features["as_of"] - of.features["first_on"]).dt.days >= 112
    comparable = (long_known & (of.features["days_84"] > 0)).to_numpy()
    return [
        f"spends less than before: {round(100 * (1 - spent), -1):.0f} % less in 12 weeks" if less and spent < 0.9
        else "spends less per order than most" if is_small
        else ""
        for spent, is_small, less in zip(share.tolist(), small.tolist(), comparable.tolist(), strict=True)
    ]  # fmt: skip


def _returns(of: Customers) -> list[str]:
    sales, returns = of.features["sales"].tolist(), of.features["returns"].tolist()
    return [_returns_words(*row) for row in zip(sales, returns, strict=True)]


def _returns_words(sold: int, back: int) -> str:
    if back < _MANY_RETURNS * sold:
        return ""
    return f"brings back much: {_count(back, 'return')} after {_count(sold, 'order')}"


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


_WORDS: dict[str, Callable[[Customers], list[str]]] = {
    "away": _away,
    "rarer": _rarer,
    "rhythm": _rhythm,
    "new": _new,
    "spending": _spending,
    "returns": _returns,
}
