"""The methods: each a small function from a history and its calendar to the days to come.

A history is a series of days without a gap, the oldest first, in money; a forecast has `horizon` values. All of them
give finite values for any history of at least MIN_DAYS days: a method that fails, or that leaves the range of what was
ever seen, gives the mean of the weekday instead, and Memory counts it.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from marketflow.predictions.forecast.calendar import WEEK, Calendar
from marketflow.predictions.forecast.regression import calendar_regression

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MIN_DAYS = 3 * WEEK
_WEEKS = 6  # of the mean by weekday
_YEAR = 365  # ARIMA and smoothing look no further back: it takes long and changes little
_ORDER_DAYS = 8 * WEEK  # how long the form of a model is kept
_MOST_EMPTY = 0.1  # share of days without a sale up to which logarithms are taken
_FLOOR = 0.05  # of the median day: what logarithms take for nothing
# Of the same differences, since AIC does not compare others: (plain, seasonal, trend).
_ORDERS = (
    ((1, 0, 0), (0, 1, 1), "n"),
    ((1, 0, 1), (0, 1, 1), "n"),
    ((2, 0, 1), (0, 1, 1), "n"),
    ((1, 0, 1), (0, 1, 1), "c"),
)  # fmt: skip


@dataclass
class Memory:
    """What a method found of a series at an earlier origin and uses at later ones, and how often it went wrong.

    It is handed from an origin to later ones only, so that none sees anything of the days after it.
    """

    order: Any = None
    ordered_at: int = 0
    start: Any = None
    unconverged: int = 0
    fallbacks: int = 0

    def is_due(self, days_seen: int) -> bool:
        """Is it time to choose the form of the model anew? That takes long, and the form seldom changes."""
        return self.order is None or days_seen - self.ordered_at >= _ORDER_DAYS


Method = Callable[["NDArray[np.float64]", Calendar, int, Memory], "NDArray[np.float64]"]


def seasonal_naive(
    history: NDArray[np.float64], calendar: Calendar, horizon: int, memory: Memory
) -> NDArray[np.float64]:
    """Each day as the same weekday of the last week."""
    import numpy as np

    del calendar, memory
    return np.resize(history[-WEEK:], horizon)


def weekday_mean(history: NDArray[np.float64], calendar: Calendar, horizon: int, memory: Memory) -> NDArray[np.float64]:
    """Each day as the mean of the same weekday of the last six weeks, or of as many as there are."""
    import numpy as np

    del calendar, memory
    weeks = min(_WEEKS, len(history) // WEEK)
    return np.resize(history[-weeks * WEEK :].reshape(weeks, WEEK).mean(axis=0), horizon)


def smoothing(history: NDArray[np.float64], calendar: Calendar, horizon: int, memory: Memory) -> NDArray[np.float64]:
    """Exponential smoothing with a season of a week, with or without a damped trend, by AIC (Hyndman et al. 2008).

    ETS(A,N,A) or ETS(A,Ad,A), fitted by maximum likelihood. Which of the two is chosen anew every eight weeks; the
    search for parameters begins at those of the origin before.
    """

    def fit(recent: NDArray[np.float64]) -> Any:
        from statsmodels.tsa.exponential_smoothing.ets import ETSModel

        def of(order: str) -> Any:
            model = ETSModel(
                recent, trend="add" if order == "damped" else None, damped_trend=order == "damped", seasonal="add",
                seasonal_periods=WEEK, initialization_method="estimated",
            )  # fmt: skip
            return model.fit(start_params=_start(order, memory), disp=False, maxiter=200)

        found = _best_or_kept(of, ("level", "damped"), len(history), memory)
        memory.start = found.params
        memory.unconverged += not found.mle_retvals["converged"]
        return found.forecast(horizon)

    return _scaled(fit, history, calendar, horizon, memory)


def arima(history: NDArray[np.float64], calendar: Calendar, horizon: int, memory: Memory) -> NDArray[np.float64]:
    """Seasonal ARIMA with a season of a week (Box and Jenkins 1970); of four orders the one with the lowest AIC.

    The order is chosen anew every eight weeks; the parameters are fitted at each origin, from those of the last on.
    """

    def fit(recent: NDArray[np.float64]) -> Any:
        from statsmodels.tsa.statespace.sarimax import SARIMAX

        def of(order: tuple[Any, ...]) -> Any:
            plain, seasonal, trend = order
            model = SARIMAX(recent, order=plain, seasonal_order=(*seasonal, WEEK), trend=trend)
            return model.fit(start_params=_start(order, memory), disp=False, maxiter=50)

        found = _best_or_kept(of, _ORDERS, len(history), memory)
        memory.start = found.params
        memory.unconverged += not found.mle_retvals["converged"]
        return found.forecast(horizon)

    return _scaled(fit, history, calendar, horizon, memory)


def _start(order: Any, memory: Memory) -> Any:
    """Where the search for parameters begins: at those of the origin before, if they were of the same order."""
    return memory.start if order == memory.order else None


def _best_or_kept(of: Callable[[Any], Any], orders: Sequence[Any], days_seen: int, memory: Memory) -> Any:
    """The fit of the order that was last chosen, or of the best by AIC where it is time to choose."""
    if not memory.is_due(days_seen):
        return of(memory.order)
    found, order = min(((of(order), order) for order in orders), key=lambda pair: float(pair[0].aic))
    memory.order, memory.ordered_at = order, days_seen
    return found


def regression(history: NDArray[np.float64], calendar: Calendar, horizon: int, memory: Memory) -> NDArray[np.float64]:
    """Ridge regression on the calendar's features, see `calendar_regression`."""
    return _scaled(
        lambda all_: calendar_regression(all_, calendar, horizon), history, calendar, horizon, memory, days=None
    )


def of_logarithms(method: Method) -> Method:
    """The method on the logarithms of the history: for shops whose swings grow with their sales.

    The forecast is a middle value rather than a mean. A series that is ever negative, or often without a sale, stays as
    it is.
    """

    def logged(history: NDArray[np.float64], calendar: Calendar, horizon: int, memory: Memory) -> NDArray[np.float64]:
        import numpy as np

        if not swings_grow(history):
            return method(history, calendar, horizon, memory)
        floor = floor_of(history)
        found = np.expm1(method(np.log1p(history / floor), calendar, horizon, memory)) * floor
        return _within(found, history, calendar, horizon, memory)

    return logged


def swings_grow(history: NDArray[np.float64]) -> bool:
    """Is it sensible to think of the series in shares: never negative, and seldom nothing?"""
    import numpy as np

    return bool(history.min() >= 0 and np.mean(history == 0) <= _MOST_EMPTY)


def floor_of(history: NDArray[np.float64]) -> float:
    """A small amount beside those of the series, above 0 unless all are 0."""
    import numpy as np

    return _FLOOR * float(np.median(history[history > 0])) if (history > 0).any() else 0.0


def _scaled(
    fit: Callable[[NDArray[np.float64]], Any],
    history: NDArray[np.float64],
    calendar: Calendar,
    horizon: int,
    memory: Memory,
    *,
    days: int | None = _YEAR,
) -> NDArray[np.float64]:
    """What `fit` gives for the newest `days` in units of their spread; the weekday's mean where that makes no sense.

    A constant series stays what it is. Warnings are silenced here only; what did not converge is counted.
    """
    import numpy as np

    recent = history if days is None else history[-days:]
    scale = float(np.std(recent))
    if scale <= 1e-9 * max(1.0, float(np.abs(recent).max())):
        return np.repeat(history[-1], horizon)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            found = np.asarray(fit(recent / scale), dtype=float) * scale
        except (ValueError, ArithmeticError, IndexError, np.linalg.LinAlgError):
            found = np.full(horizon, np.nan)
    return _within(found, history, calendar, horizon, memory)


def _within(
    found: NDArray[np.float64], history: NDArray[np.float64], calendar: Calendar, horizon: int, memory: Memory
) -> NDArray[np.float64]:
    """The forecast, or the weekday's mean where it is no number or lies twice as far out as anything seen."""
    import numpy as np

    low, high = float(history.min()), float(history.max())
    if np.isfinite(found).all() and found.min() >= 2 * low - high and found.max() <= 2 * high - low:
        return found
    memory.fallbacks += 1
    return weekday_mean(history, calendar, horizon, memory)


METHODS: dict[str, Method] = {
    "seasonal naive": seasonal_naive,
    "same-weekday mean": weekday_mean,
    "ETS": smoothing,
    "ARIMA": arima,
    "ETS of logarithms": of_logarithms(smoothing),
    "regression": regression,
    "regression of logarithms": of_logarithms(regression),
}
# What any forecast of sales is measured against.
BASELINES = ("seasonal naive", "same-weekday mean", "ETS", "ARIMA")
# What is combined: smoothing and regression, in money and in logarithms.
MEMBERS = ("ETS", "ETS of logarithms", "regression", "regression of logarithms")
