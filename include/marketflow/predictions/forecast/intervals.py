"""Intervals that held four times in five: as wide as the errors that were known when the forecast was made.

Split conformal prediction (Vovk et al. 2005), by the week of the horizon: the width is the 80 % quantile of the
absolute errors at earlier origins, of days that were over by then. Errors are in units of the forecast for a series
whose swings grow with it, else in money.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from marketflow.predictions.forecast.calendar import WEEK
from marketflow.predictions.forecast.methods import floor_of, swings_grow

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from marketflow.predictions.forecast.backtest import Backtest

LEVEL = 0.8
_FEWEST = 20  # errors from which on a quantile says something


def interval(
    forecast: NDArray[np.float64],
    history: NDArray[np.float64],
    *,
    origins: tuple[int, ...] = (),
    said: NDArray[np.float64] | None = None,
    actual: NDArray[np.float64] | None = None,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(low, high) of each day of `forecast`, made after the last day of `history`.

    origins, said, actual: earlier forecasts and what came, arrays of (origins, horizon); only days within `history`
    are used. low <= forecast <= high; low is not below 0 for a series that never was.
    """
    import numpy as np

    units = _units(forecast, history)
    known = [np.zeros(0)] * (0 if said is None else math.ceil(said.shape[1] / WEEK))
    if said is not None and actual is not None:
        seen = np.array(origins)[:, None] + np.arange(said.shape[1]) < len(history)
        errors = np.abs(said - actual) / _units(said, history)
        known = [
            errors[:, first : first + WEEK][seen[:, first : first + WEEK]] for first in range(0, said.shape[1], WEEK)
        ]
    widths = _widths(known, len(forecast), history, float(np.mean(units)))
    low, high = forecast - widths * units, forecast + widths * units
    if history.min() >= 0:
        low = np.maximum(low, 0.0)
    return np.minimum(low, forecast), np.maximum(high, forecast)


def coverage(found: Backtest, method: str, history: NDArray[np.float64]) -> float | None:
    """Share of the days of the scoring origins that fell into the interval which was due at that origin."""
    import numpy as np

    first, said = len(found.plan.selection), found.forecasts[method]
    inside = []
    for n in range(first, len(said)):
        low, high = interval(
            said[n], history[: found.plan.origins[n]],
            origins=found.plan.origins[:n], said=said[:n], actual=found.actual[:n],
        )  # fmt: skip
        inside.append((found.actual[n] >= low) & (found.actual[n] <= high))
    return float(np.mean(inside)) if inside else None


def quantile(errors: NDArray[np.float64], level: float) -> float:
    """The smallest error that a new one is at most with the chance `level`, if it is one of the same kind."""
    import numpy as np

    place = min(math.ceil((len(errors) + 1) * level), len(errors))
    return float(np.sort(errors)[place - 1])


def _widths(
    known: list[NDArray[np.float64]], days: int, history: NDArray[np.float64], unit: float
) -> NDArray[np.float64]:
    """The half width of each day, in units; it never shrinks from a week of the horizon to the next.

    Behind the horizon that was tried it grows like the root of time, as the error of a random walk. Without errors to
    go by: how far days a week apart differ.
    """
    import numpy as np

    found: list[float] = []
    for errors in known:
        if len(errors) < _FEWEST:
            break
        found.append(max(quantile(errors, LEVEL), found[-1] if found else 0.0))
    if not found:
        found = [quantile(np.abs(history[WEEK:] - history[:-WEEK]), LEVEL) / unit]
    weeks = [
        found[week] if week < len(found) else found[-1] * math.sqrt((week + 1) / len(found))
        for week in range(math.ceil(days / WEEK))
    ]
    return np.repeat(weeks, WEEK)[:days]


def _units(forecast: NDArray[np.float64], history: NDArray[np.float64]) -> NDArray[np.float64]:
    import numpy as np

    if not swings_grow(history) or floor_of(history) == 0:
        return np.ones_like(forecast)
    return np.maximum(forecast, floor_of(history))
