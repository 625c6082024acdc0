"""How good an order of customers is: area under the ROC curve, within campaigns and over all, with intervals."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Integers = NDArray[np.int64]
    Floats = NDArray[np.float64]
    Bools = NDArray[np.bool_]

SEED = 20_260_401


@dataclass(frozen=True)
class Interval:
    """Nineteen of twenty resamples lie between low and high."""

    low: float
    high: float


def auc(answered: Bools, scores: Floats) -> float | None:
    """Area under the ROC curve, ties count half; None when all or none answered."""
    import numpy as np
    from scipy.stats import rankdata

    yes = int(answered.sum())
    no = len(answered) - yes
    if not yes or not no:
        return None
    ranks = rankdata(np.asarray(scores, dtype=np.float64))
    return float((ranks[answered].sum() - yes * (yes + 1) / 2) / (yes * no))


def within_auc(answered: Bools, scores: Floats, campaign: Integers) -> float | None:
    """Mean of the campaigns' own AUC, weighted by answered x not answered / receivers; None where none has one."""
    import numpy as np

    total = weights = 0.0
    for one in np.unique(campaign):
        rows = campaign == one
        own = auc(answered[rows], scores[rows])
        if own is not None:
            share = float(answered[rows].mean())
            weight = rows.sum() * share * (1 - share)
            total, weights = total + weight * own, weights + weight
    return float(total / weights) if weights else None


def bootstrap(answered: Bools, orders: dict[str, Floats], customer: Integers, times: int) -> dict[str, Floats]:
    """(times,) for each order: its AUC over customers drawn with replacement, the same draw for all of them.

    A customer who received several of the campaigns is drawn with all of them. A draw without an answer is left out.
    """
    import numpy as np

    rng = np.random.default_rng(SEED)
    _, row = np.unique(customer, return_inverse=True)
    by_customer = np.argsort(row, kind="stable")
    count = np.bincount(row)
    start = np.concatenate([[0], np.cumsum(count)[:-1]])
    drawn: dict[str, list[float]] = {name: [] for name in orders}
    for _ in range(times):
        who = rng.integers(0, len(count), len(count))
        length = count[who]
        inside = np.arange(length.sum()) - np.repeat(np.cumsum(length) - length, length)
        rows = by_customer[np.repeat(start[who], length) + inside]
        for name, scores in orders.items():
            value = auc(answered[rows], scores[rows])
            if value is not None:
                drawn[name].append(value)
    return {name: np.array(values) for name, values in drawn.items()}


def interval(drawn: Floats) -> Interval | None:
    """The middle 95 per cent; None of nothing."""
    import numpy as np

    return Interval(*np.quantile(drawn, (0.025, 0.975)).tolist()) if len(drawn) else None
