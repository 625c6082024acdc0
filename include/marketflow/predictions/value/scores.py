"""How well customer values came true: on the horizon before the run's day, beside simple rules.

The error that decides is the root of the mean square: expectations make it smallest, and values are sums of them. (The
mean absolute error is smallest for medians, and most customers' median is no purchase at all.)
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

from marketflow.predictions.value.model import Expected
from marketflow.warehouse import Score

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from marketflow.predictions.value.history import Bought, History

    Floats = NDArray[np.float64]

OWN_RATE = "own rate so far"
PERIOD_BEFORE = "as in the period before"
ALL_ALONE = "BG/NBD of all history"
_MOST_REPEATS = 7


def scores_of(
    history: History, bought: Bought, until: dt.date, *, ours: Floats, spend: Floats | None, plain: Floats | None
) -> tuple[Score, ...]:
    """All scores of the test. plain: BG/NBD of all history, where ours is more than that."""
    split = f"learnt until {history.cut}, measured until {until}"
    rules = simple_rules(history, (until - history.cut).days)
    found = []
    for name, (days, money) in rules.items():
        found += _scores("orders", name, split, true=bought.days, ours=ours, theirs=days)
        found += _scores("spend", name, split, true=bought.money, ours=spend, theirs=money)
    if plain is not None:
        found += _scores("orders", ALL_ALONE, split, true=bought.days, ours=ours, theirs=plain)
    return tuple(sorted(found, key=lambda score: not score.decides))


def simple_rules(history: History, horizon_days: int) -> dict[str, tuple[Floats, Floats]]:
    """What each baseline expects: (purchase days, money), (customers,) each."""
    import numpy as np

    frame = history.frame
    age = np.maximum(frame["first_ago"].to_numpy(dtype=np.float64), 1)
    repeats, paid = frame["days"].to_numpy(dtype=np.float64) - 1, frame["paid"].to_numpy(dtype=np.float64)
    before = frame["previous_days"].to_numpy(dtype=np.float64), frame["previous_money"].to_numpy(dtype=np.float64)
    return {OWN_RATE: (repeats / age * horizon_days, paid / age * horizon_days), PERIOD_BEFORE: before}


def _scores(what: str, name: str, split: str, *, true: Floats, ours: Floats | None, theirs: Floats) -> list[Score]:
    mine = errors(true, ours) if ours is not None else {}
    other = errors(true, theirs)
    return [
        Score(
            metric=f"{kind}_{what}", ours=mine.get(kind), baseline=name, baseline_value=other[kind], split=split,
            higher_is_better=kind == "correlation", decides=(kind, what) == ("rmse", "orders") and name != ALL_ALONE,
        )
        for kind in other
    ]  # fmt: skip


def errors(true: Floats, expected: Floats) -> dict[str, float | None]:
    """Per customer: rmse, mae and correlation; bias is how far the total is off, as a share of what came true."""
    import numpy as np

    off = expected - true
    total = float(true.sum())
    varies = true.std() > 0 and expected.std() > 0
    return {
        "rmse": float(np.sqrt((off**2).mean())),
        "mae": float(np.abs(off).mean()),
        "bias": abs(float(off.sum())) / total if total > 0 else None,
        "correlation": float(np.corrcoef(true, expected)[0, 1]) if varies else None,
    }


def unmeasured(cut: dt.date, until: dt.date) -> tuple[Score, ...]:
    """The scores that decide, where there is no history to learn from before the test."""
    split = f"learnt until {cut}, measured until {until}"
    return tuple(
        Score(
            metric="rmse_orders", ours=None, baseline=name, baseline_value=None, split=split, higher_is_better=False
        )
        for name in (OWN_RATE, PERIOD_BEFORE)
    )  # fmt: skip


def by_frequency(history: History, expected: Expected, ours: Floats, bought: Bought) -> list[dict[str, Any]]:
    """Purchases in the test by those before it, as in figure 5 of the paper: 0, 1, ... and 7 or more repeats."""
    import numpy as np

    repeats = np.minimum(history.frame["days"].to_numpy() - 1, _MOST_REPEATS)
    plain = expected.orders[:, 0]
    return [
        {
            "repeats": f"{n}+" if n == _MOST_REPEATS else str(n),
            "customers": int((repeats == n).sum()),
            "actual": float(bought.days[repeats == n].mean()),
            "bgnbd": float(plain[repeats == n].mean()),
            "expected": float(ours[repeats == n].mean()),
        }
        for n in range(_MOST_REPEATS + 1)
        if (repeats == n).any()
    ]


def by_tenth(ours: Floats, bought: Bought) -> list[dict[str, float]]:
    """Means of what was expected and what came true, by tenths of customers from the least expected to the most."""
    import numpy as np

    order = np.argsort(ours, kind="stable")
    parts = [part for part in np.array_split(order, 10) if len(part)]
    return [{"expected": float(ours[part].mean()), "actual": float(bought.days[part].mean())} for part in parts]


def tracking(history: History, expected: Expected, repeats: Floats) -> list[dict[str, Any]]:
    """Purchases after the first, all customers' together and added up week by week, as they were and by BG/NBD.

    Of customers who had bought by the cut, from the very first purchase on; figure 4 of the paper.
    """
    import numpy as np

    length = len(repeats)
    births = np.bincount(history.length_days - history.frame["first_ago"].to_numpy(), minlength=length)
    of_new = np.concatenate([[0.0], expected.models["all"].purchases_of_new(np.arange(1, length) / 7)])
    foreseen = np.convolve(births, of_new)[:length]
    actual = np.cumsum(repeats)
    start = history.cut - dt.timedelta(days=history.length_days)
    ends = range((length - 1) % 7, length, 7)
    return [
        {
            "until": (start + dt.timedelta(days=n)).isoformat(),
            "actual": float(actual[n]),
            "expected": float(foreseen[n]),
        }
        for n in ends
    ]
