"""Rolling origins: every method forecasts from earlier days, seeing nothing after them, and is compared with what came.

The earlier origins choose the method; the later ones, whose days begin after the last day that the choice has seen,
score it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from marketflow.predictions.forecast.calendar import WEEK, Calendar
from marketflow.predictions.forecast.methods import MEMBERS, METHODS, Memory

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

COMBINATIONS = ("mean of four", "median of four", "weighted mean of four")
EQUAL_WEIGHTS = (1 / len(MEMBERS),) * len(MEMBERS)
_LEARNT_FROM = 12 * WEEK  # days before the first origin, if there are as many
_LEARNT_AT_LEAST = 4 * WEEK
_FEWEST = 3
_CLEARLY = 0.9  # a method alone is taken only if it beats the combinations by a tenth
_ROUNDING = 1e-9  # of the largest value: such an error is none


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Origins, as numbers of days seen, and how many days are forecast from each."""

    horizon: int
    selection: tuple[int, ...]
    scoring: tuple[int, ...]

    @property
    def origins(self) -> tuple[int, ...]:
        """All, the earliest first."""
        return self.selection + self.scoring


def plan_origins(days: int, horizon: int, *, most: int = 13, step: int = WEEK) -> Plan | None:
    """Origins `step` days apart in a history of `days`, up to `most` to select and as many to score.

    All are the same weekday as the last day. A history that is too short gets fewer origins, and then a shorter
    horizon; None: it is too short for any.
    """
    for ahead in (h for h in (horizon, 4 * WEEK, 2 * WEEK, WEEK) if h <= horizon):
        for learnt, numbers in ((_LEARNT_FROM, range(most, _FEWEST - 1, -1)), (_LEARNT_AT_LEAST, (_FEWEST,))):
            for number in numbers:
                span = (number - 1) * step
                if 2 * ahead + 2 * span + learnt <= days:
                    last = days - ahead
                    scoring = tuple(range(last - span, last + 1, step))
                    chosen = scoring[0] - ahead
                    selection = tuple(range(chosen - span, chosen + 1, step))
                    return Plan(horizon=ahead, selection=selection, scoring=scoring)
    return None


@dataclass(frozen=True, kw_only=True)
class Backtest:
    """What each method said from each origin of a plan, and what came: arrays of (origins, horizon), in money.

    scales: by origin, the mean absolute difference of days a week apart in the days seen. weights: of MEMBERS.
    """

    plan: Plan
    forecasts: Mapping[str, NDArray[np.float64]]
    actual: NDArray[np.float64]
    scales: NDArray[np.float64]
    memories: Mapping[str, Memory]
    weights: tuple[float, ...] = EQUAL_WEIGHTS

    def mase(self, method: str, *, scoring: bool) -> float | None:
        """Mean over the origins of the mean absolute scaled error (Hyndman and Koehler 2006); None: not defined.

        An origin whose days seen were all alike week by week has no scale: it counts as 0 if nothing was wrong.
        """
        first = len(self.plan.selection)
        rows = range(first, len(self.actual)) if scoring else range(first)
        found = [mase(self.actual[n], self.forecasts[method][n], float(self.scales[n])) for n in rows]
        known = [value for value in found if value is not None]
        return sum(known) / len(known) if known else None


def scale_of(history: NDArray[np.float64]) -> float:
    """Mean absolute error of the seasonal naive forecast (a week) within the history."""
    import numpy as np

    return float(np.mean(np.abs(history[WEEK:] - history[:-WEEK])))


def mase(actual: NDArray[np.float64], forecast: NDArray[np.float64], scale: float) -> float | None:
    """Mean absolute error in units of `scale`; with no scale 0 if nothing was wrong, else None."""
    import numpy as np

    error = float(np.mean(np.abs(actual - forecast)))
    if scale <= 0:
        return 0.0 if error <= _ROUNDING * float(np.max(np.abs(actual), initial=0.0)) else None
    return error / scale


def backtest(history: NDArray[np.float64], calendar: Calendar, plan: Plan, methods: tuple[str, ...]) -> Backtest:
    """Let `methods`, and the combinations of those among them that are in MEMBERS, forecast from every origin."""
    import numpy as np

    memories = {name: Memory() for name in methods}
    said = {
        name: np.array([foresee(name, history[:o], calendar, plan.horizon, memories[name]) for o in plan.origins])
        for name in methods
    }
    found = Backtest(
        plan=plan,
        forecasts=said,
        actual=np.array([history[o : o + plan.horizon] for o in plan.origins]),
        scales=np.array([scale_of(history[:o]) for o in plan.origins]),
        memories=memories,
    )
    weights = _weights(found)
    return dataclasses.replace(found, forecasts={**said, **combine(said, weights)}, weights=weights)


def foresee(
    method: str, history: NDArray[np.float64], calendar: Calendar, horizon: int, memory: Memory
) -> NDArray[np.float64]:
    """What one of METHODS says of the days after `history`; never below 0 for a series that never was."""
    import numpy as np

    found = METHODS[method](history, calendar, horizon, memory)
    return np.maximum(found, 0.0) if history.min() >= 0 else found


def combine(said: Mapping[str, NDArray[np.float64]], weights: tuple[float, ...]) -> dict[str, NDArray[np.float64]]:
    """The combinations of what MEMBERS said: their mean, their median, and their mean by `weights`."""
    import numpy as np

    four = np.array([said[name] for name in MEMBERS])
    found = (four.mean(axis=0), np.median(four, axis=0), np.tensordot(np.array(weights), four, axes=1))
    return dict(zip(COMBINATIONS, found, strict=True))


def _weights(found: Backtest) -> tuple[float, ...]:
    """By member, in inverse proportion to the square of its error at the origins that select; they add up to 1."""
    errors = [found.mase(name, scoring=False) for name in MEMBERS]
    if any(error is None for error in errors):
        return EQUAL_WEIGHTS
    shares = [1 / max(error or 0.0, 1e-6) ** 2 for error in errors]
    return tuple(share / sum(shares) for share in shares)


def choose(found: Backtest) -> str:
    """The method that is published, by the origins that select.

    The best combination, since combinations are rarely the best and hardly ever bad; a method alone only if it beats
    them clearly (Claeskens et al. 2016: which single one will be best is mostly luck).
    """
    errors = {name: found.mase(name, scoring=False) for name in found.forecasts}
    known = {name: error for name, error in errors.items() if error is not None}
    if not known:
        return COMBINATIONS[0]
    combined = min((name for name in COMBINATIONS if name in known), key=known.__getitem__, default=None)
    alone = min((name for name in known if name not in COMBINATIONS), key=known.__getitem__, default=None)
    if alone is None or combined is None:  # of a series without a scale only what is exact has an error
        return combined or alone or COMBINATIONS[0]
    return alone if known[alone] < _CLEARLY * known[combined] else combined
