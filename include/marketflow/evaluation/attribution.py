"""Attribution: an order shared out among the messages before it, by five models side by side.

The reference for `sql/transforms/marts/attributed_orders`, which does the same in the database; a test compares them.
The models are those that shops know from their web statistics: all to the first or the last touch, the same to each,
less to older ones by a half-life, and 40/20/40 by position. All of them share out what happened; none of them says
what a message caused: that takes people who were held out (`marketflow.evaluation.uplift`).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from decimal import ROUND_HALF_UP, Decimal
from itertools import accumulate, pairwise

MODELS = ("first", "last", "linear", "time_decay", "position")
HALF_LIFE_DAYS = 7.0
_ENDS = Decimal("0.4")  # of position, to the first touch and to the last one each
_DIGITS, _CENT = Decimal(1).scaleb(-12), Decimal("0.01")


def touches_before(
    ordered_at: dt.datetime, touches: Sequence[tuple[dt.datetime, float]]
) -> list[tuple[dt.datetime, float]]:
    """Of (time, window in days) those that the order is shared out among: before it, and within their own window."""
    return [
        (at, days) for at, days in touches if at < ordered_at <= at + dt.timedelta(seconds=round(days * 24 * 60 * 60))
    ]


def shares(model: str, touched_at: Sequence[dt.datetime], *, half_life_days: float = HALF_LIFE_DAYS) -> list[Decimal]:
    """The share of each touch, oldest first, to twelve digits; they add up to exactly 1. None without a touch.

    Each is the step of the rounded running sum, whose end is 1, so that no rounding is lost. `touched_at` goes up.
    Raises ValueError for a model that there is none of, a half-life that is none, and touches out of order.
    """
    if model not in MODELS:
        raise ValueError(f"there is no model {model!r}; there are {', '.join(MODELS)}")
    if half_life_days <= 0:
        raise ValueError("a half-life is more than 0 days")
    if any(later < earlier for earlier, later in pairwise(touched_at)):
        raise ValueError("touches go from the oldest to the newest")
    return _steps(_sums(model, touched_at, half_life_days), _DIGITS)


def parts(amount: Decimal, shared: Sequence[Decimal]) -> list[Decimal]:
    """An amount by shares that add up to 1, to the cent: each is less than a cent off, together they are all of it."""
    return _steps([amount * total for total in accumulate(shared)], _CENT)


def _sums(model: str, touched_at: Sequence[dt.datetime], half_life_days: float) -> list[Decimal]:
    """The running sums of the weights, as shares of all."""
    count = len(touched_at)
    if not count:
        return []
    made: dict[str, Callable[[], list[Decimal]]] = {
        "first": lambda: [Decimal(1)] * count,
        "last": lambda: [Decimal(0)] * (count - 1) + [Decimal(1)],
        "linear": lambda: [Decimal(n) / count for n in range(1, count + 1)],
        "time_decay": lambda: _decayed(touched_at, half_life_days),
        "position": lambda: _by_position(count),
    }
    return [*made[model]()[:-1], Decimal(1)]


def _decayed(touched_at: Sequence[dt.datetime], half_life_days: float) -> list[Decimal]:
    """By age before the newest touch: before the order the shares are the same, and so no weight becomes nothing."""
    ages = [(touched_at[-1] - at).total_seconds() for at in touched_at]
    sums = list(accumulate(2.0 ** (-age / (half_life_days * 86_400)) for age in ages))
    return [Decimal(f"{total / sums[-1]:.15g}") for total in sums]  # the digits that PostgreSQL keeps


def _by_position(count: int) -> list[Decimal]:
    if count <= 2:
        return [Decimal(n) / count for n in range(1, count + 1)]
    middle = (1 - 2 * _ENDS) / (count - 2)
    return [_ENDS + middle * n for n in range(count - 1)] + [Decimal(1)]


def _steps(sums: Sequence[Decimal], unit: Decimal) -> list[Decimal]:
    rounded = [Decimal(0), *(total.quantize(unit, rounding=ROUND_HALF_UP) for total in sums)]
    return [after - before for before, after in pairwise(rounded)]
