"""Regression on the calendar: how much a day differs from the weeks around it, by what is known of the day."""

from __future__ import annotations

from typing import TYPE_CHECKING

from marketflow.predictions.forecast.calendar import WEEK, Calendar

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_HALF_LIFE = 182  # days after which a day counts half
_PENALTIES = (0.1, 1.0, 10.0, 100.0, 1000.0)
_LEVEL_DAYS = 4 * WEEK
_FAR_OFF = 3 * 1.4826  # medians of the absolute residuals: three standard deviations of normal ones


def calendar_regression(history: NDArray[np.float64], calendar: Calendar, horizon: int) -> NDArray[np.float64]:
    """The `horizon` days after `history`, by ridge regression on the calendar's features.

    The trend is a moving level of four weeks; what is regressed is each day's share of it, or its distance from it
    where the level is ever 0 or less. The newest level, cleared of what the calendar did to its days, is held: a trend
    drawn on for weeks is wrong more often than right (Gardner and McKenzie 1985). A day far off, such as a closed one,
    is drawn in by the residuals of a first fit (Huber 1964).
    """
    import numpy as np

    seen = len(history)
    features = calendar.features(seen, horizon)
    level = moving_level(history)
    in_shares = bool(level.min() > 0)
    values = history / level if in_shares else history - level
    weights = 0.5 ** (np.arange(seen)[::-1] / _HALF_LIFE)
    fitted = ridge(features, values, weights)
    bound = _FAR_OFF * float(np.median(np.abs(values - fitted[:seen])))
    values = fitted[:seen] + np.clip(values - fitted[:seen], -bound, bound)
    fitted = ridge(features, values, weights)
    newest = slice(max(seen - _LEVEL_DAYS, 0), seen)
    if in_shares and fitted[newest].sum() > 0:
        return np.asarray(fitted[seen:] * float((values * level)[newest].sum() / fitted[newest].sum()))
    base = level[seen - 1] if in_shares else float((values + level - fitted[:seen])[newest].mean())
    return np.asarray(fitted[seen:] * base if in_shares else fitted[seen:] + base)


def moving_level(history: NDArray[np.float64]) -> NDArray[np.float64]:
    """The mean of the two weeks before each day and the two from it on, as far as there are that many."""
    import numpy as np

    days, half = len(history), _LEVEL_DAYS // 2
    sums = np.concatenate([[0.0], np.cumsum(history)])
    places = np.arange(days)
    first, end = np.maximum(places - half, 0), np.minimum(places + half, days)
    return np.asarray((sums[end] - sums[first]) / (end - first))


def ridge(
    features: NDArray[np.float64], values: NDArray[np.float64], weights: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Fitted values of all rows of `features`, learnt from the first of them, those that have `values` and `weights`.

    Hoerl and Kennard 1970; the penalty by generalised cross-validation, Golub, Heath and Wahba 1979.
    """
    import numpy as np

    seen = len(values)
    share = weights / weights.sum()
    level, centre = share @ values, share @ features[:seen]
    spread = np.sqrt(share @ (features[:seen] - centre) ** 2)
    scaled = (features - centre) / np.where(spread > 0, spread, 1.0)
    root = np.sqrt(weights)
    left, singular, right = np.linalg.svd(scaled[:seen] * root[:, None], full_matrices=False)
    target = (values - level) * root
    projected = left.T @ target
    outside = float(target @ target - projected @ projected)
    kept = np.where(singular > 1e-9, singular, np.inf)
    shrinks = [singular**2 / (singular**2 + penalty) for penalty in _PENALTIES]
    errors = [
        (outside + float(np.sum(((1 - s) * projected) ** 2))) / max(seen - 1.0 - float(s.sum()), 1.0) ** 2
        for s in shrinks
    ]
    best = shrinks[int(np.argmin(errors))]
    return np.asarray(level + scaled @ (right.T @ (best / kept * projected)))
