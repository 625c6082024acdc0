"""The forecast of one series: its backtest, the method that this chooses, and the days to come with an interval."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from marketflow.predictions.forecast.backtest import (
    COMBINATIONS,
    EQUAL_WEIGHTS,
    Backtest,
    Plan,
    backtest,
    choose,
    combine,
    foresee,
    plan_origins,
)
from marketflow.predictions.forecast.calendar import WEEK, Calendar, Promotion
from marketflow.predictions.forecast.intervals import coverage, interval
from marketflow.predictions.forecast.methods import MEMBERS, METHODS, Memory

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from marketflow.predictions.forecast.series import Series

_UNTRIED = COMBINATIONS[0]  # what a series gets whose history is too short to choose


@dataclass(frozen=True, kw_only=True)
class Effort:
    """How much is tried for a series: which methods, from how many origins, how many days apart."""

    methods: tuple[str, ...]
    origins: int
    step: int


# The total is tried with all that there is; categories and segments, which are many, without ARIMA and less often.
WHOLE = Effort(methods=tuple(METHODS), origins=13, step=WEEK)
PART = Effort(methods=tuple(name for name in METHODS if name != "ARIMA"), origins=6, step=2 * WEEK)


@dataclass(frozen=True, kw_only=True)
class MethodScore:
    """How far off a method was at the origins that select, and at those that score, and how often an interval held."""

    method: str
    selection: float | None
    scoring: float | None
    coverage: float | None


@dataclass(frozen=True, kw_only=True)
class Forecast:
    """The days after a series, with an interval that is meant to hold four times in five; all in money."""

    series: Series
    method: str
    forecast: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    plan: Plan | None
    memories: Mapping[str, Memory]
    scores: tuple[MethodScore, ...] = ()
    weights: tuple[float, ...] = EQUAL_WEIGHTS

    def score(self, method: str) -> MethodScore | None:
        """Of one method; None where nothing could be tried."""
        return next((score for score in self.scores if score.method == method), None)

    def origin_on(self, days_seen: int) -> dt.date:
        """The last day that was seen from an origin."""
        return self.series.first_on + dt.timedelta(days=days_seen - 1)


def forecast_series(
    series: Series,
    horizon: int,
    *,
    holidays: Mapping[dt.date, str],
    promotions: Sequence[Promotion],
    effort: Effort,
) -> Forecast:
    """The `horizon` days after the series, by the method that its own earlier days recommend.

    The series has at least methods.MIN_DAYS days. One too short to be tried gets the mean of the four members.
    """
    history = series.values
    calendar = Calendar(series.first_on, len(history) + horizon, holidays, promotions)
    plan = plan_origins(len(history), horizon, most=effort.origins, step=effort.step)
    if plan is None:
        memories = {name: Memory() for name in MEMBERS}
        said = _ahead(history, calendar, horizon, memories, EQUAL_WEIGHTS)[_UNTRIED]
        low, high = interval(said, history)
        return Forecast(series=series, method=_UNTRIED, forecast=said, low=low, high=high, plan=None, memories=memories)
    found = backtest(history, calendar, plan, effort.methods)
    method = choose(found)
    needed = MEMBERS if method in COMBINATIONS else (method,)
    memories = {name: found.memories[name] for name in needed}
    said = _ahead(history, calendar, horizon, memories, found.weights)[method]
    low, high = interval(said, history, origins=plan.origins, said=found.forecasts[method], actual=found.actual)
    return Forecast(
        series=series, method=method, forecast=said, low=low, high=high, plan=plan, memories=found.memories,
        scores=_scores(found, history), weights=found.weights,
    )  # fmt: skip


def _ahead(
    history: NDArray[np.float64],
    calendar: Calendar,
    horizon: int,
    memories: Mapping[str, Memory],
    weights: tuple[float, ...],
) -> dict[str, NDArray[np.float64]]:
    """What the methods of `memories` say of the days to come, and their combinations if these are the members."""
    said = {name: foresee(name, history, calendar, horizon, memory) for name, memory in memories.items()}
    return {**said, **combine(said, weights)} if set(MEMBERS) <= set(said) else said


def _scores(found: Backtest, history: NDArray[np.float64]) -> tuple[MethodScore, ...]:
    return tuple(
        MethodScore(
            method=name,
            selection=found.mase(name, scoring=False),
            scoring=found.mase(name, scoring=True),
            coverage=coverage(found, name, history),
        )
        for name in found.forecasts
    )
