"""Two rates: their difference and their ratio with intervals that hold with few conversions too.

All functions work elementwise on arrays (numpy broadcasting), so that a thousand experiments are one call.
`hits` of `people` had the outcome; the first pair is the treated arm, the second the control.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from marketflow.evaluation.uplift.estimate import Estimate, where_it_passes

Numbers = NDArray[np.float64]
_MOST_RATIO = 1e9


def difference_of_rates(
    hits: ArrayLike, people: ArrayLike, control_hits: ArrayLike, control_people: ArrayLike, *, alpha: float = 0.05
) -> Estimate:
    """Treated rate less control rate, with the score interval of level 1 - alpha and its two-sided p-value.

    Miettinen and Nurminen, "Comparative analysis of two rates", Statistics in Medicine 4 (1985) 213-226: all those
    differences that a score test does not reject. It needs no minimum of conversions: with none at all, or with all, it
    is still an interval. p < alpha exactly where the interval leaves out zero. Raises ValueError for an arm without
    people.
    """
    x1, n1, x2, n2 = _counts(hits, people, control_hits, control_people)
    found = x1 / n1 - x2 / n2
    z = float(stats.norm.ppf(1 - alpha / 2))

    def score(delta: Numbers) -> Numbers:
        return _score_of_difference(x1, n1, x2, n2, delta)

    low = where_it_passes(lambda delta: score(delta) > z, np.full_like(found, -1.0), found)
    high = where_it_passes(lambda delta: score(delta) >= -z, found, np.ones_like(found))
    p_value = 2 * stats.norm.sf(np.abs(score(np.zeros_like(found))))
    return Estimate(value=found, low=low, high=high, p_value=p_value)


def newcombe(
    hits: ArrayLike, people: ArrayLike, control_hits: ArrayLike, control_people: ArrayLike, *, alpha: float = 0.05
) -> tuple[Numbers, Numbers]:
    """(low, high) of the difference by Newcombe's hybrid score interval, without continuity correction.

    Newcombe, "Interval estimation for the difference between independent proportions", Statistics in Medicine 17 (1998)
    873-890, method 10. Closed form; what `difference_of_rates` is held against.
    """
    x1, n1, x2, n2 = _counts(hits, people, control_hits, control_people)
    p1, p2 = x1 / n1, x2 / n2
    (l1, u1), (l2, u2) = wilson(x1, n1, alpha=alpha), wilson(x2, n2, alpha=alpha)
    low = p1 - p2 - np.sqrt((p1 - l1) ** 2 + (u2 - p2) ** 2)
    high = p1 - p2 + np.sqrt((u1 - p1) ** 2 + (p2 - l2) ** 2)
    return low, high


def wilson(hits: ArrayLike, people: ArrayLike, *, alpha: float = 0.05) -> tuple[Numbers, Numbers]:
    """(low, high) of one rate: the score interval of Wilson, JASA 22 (1927) 209-212."""
    x, n = np.asarray(hits, dtype=float), np.asarray(people, dtype=float)
    z = float(stats.norm.ppf(1 - alpha / 2))
    middle = (x + z * z / 2) / (n + z * z)
    half = z / (n + z * z) * np.sqrt(np.maximum(x * (n - x) / n, 0) + z * z / 4)
    return np.maximum(middle - half, 0.0), np.minimum(middle + half, 1.0)


def ratio_of_rates(
    hits: ArrayLike, people: ArrayLike, control_hits: ArrayLike, control_people: ArrayLike, *, alpha: float = 0.05
) -> tuple[Numbers, Numbers, Numbers]:
    """(ratio, low, high) of treated rate to control rate; less one it is the relative uplift.

    Koopman, "Confidence intervals for the ratio of two binomial proportions", Biometrics 40 (1984) 513-517: the score
    interval. Without conversions in control there is no upper end (infinity), without any at all no ratio (nan), and
    the interval is all ratios.
    """
    x1, n1, x2, n2 = _counts(hits, people, control_hits, control_people)
    with np.errstate(divide="ignore", invalid="ignore"):
        found = (x1 / n1) / (x2 / n2)
    most = float(stats.chi2.ppf(1 - alpha, 1))

    def beyond(log_ratio: Numbers) -> Numbers:
        return _koopman(x1, n1, x2, n2, np.exp(log_ratio))

    end = np.full_like(x1, np.log(_MOST_RATIO))
    with np.errstate(divide="ignore", invalid="ignore"):
        middle = np.clip(np.nan_to_num(np.log(found), nan=0.0), -end, end)
    low = np.exp(where_it_passes(lambda ratio: beyond(ratio) > most, -end, middle))
    high = np.exp(where_it_passes(lambda ratio: beyond(ratio) <= most, middle, end))
    return found, np.where(x1 == 0, 0.0, low), np.where(x2 == 0, np.inf, high)


def _counts(*given: ArrayLike) -> tuple[Numbers, ...]:
    x1, n1, x2, n2 = (a.astype(float) for a in np.broadcast_arrays(*(np.asarray(g, dtype=float) for g in given)))
    if (n1 < 1).any() or (n2 < 1).any():
        raise ValueError("an arm has nobody in it")
    if (x1 < 0).any() or (x1 > n1).any() or (x2 < 0).any() or (x2 > n2).any():
        raise ValueError("more conversions than people, or fewer than none")
    return x1, n1, x2, n2


def _score_of_difference(x1: Numbers, n1: Numbers, x2: Numbers, n2: Numbers, delta: Numbers) -> Numbers:
    """The score statistic of a difference `delta`: how many standard errors the rates found lie above it."""
    p2 = _restricted(x1, n1, x2, n2, delta)
    p1 = np.clip(p2 + delta, 0.0, 1.0)
    n = n1 + n2
    variance = (p1 * (1 - p1) / n1 + p2 * (1 - p2) / n2) * n / (n - 1)
    beyond = x1 / n1 - x2 / n2 - delta
    with np.errstate(divide="ignore", invalid="ignore"):
        score = beyond / np.sqrt(variance)  # infinite where the counts cannot be
    return np.where(np.abs(beyond) < 1e-15, 0.0, score)


def _restricted(x1: Numbers, n1: Numbers, x2: Numbers, n2: Numbers, delta: Numbers) -> Numbers:
    """The control's rate that makes the counts likeliest where the rates differ by `delta`: a root of a cubic."""
    n, x = n1 + n2, x1 + x2
    l2 = (n1 + 2 * n2) * delta - n - x
    l1 = (n2 * delta - n - 2 * x2) * delta + x
    l0 = x2 * delta * (1 - delta)
    b = l2 / (3 * n)
    q = b**3 - l1 * l2 / (6 * n**2) + l0 / (2 * n)
    p = np.where(q >= 0, 1.0, -1.0) * np.sqrt(np.maximum(b**2 - l1 / (3 * n), 0.0))
    with np.errstate(divide="ignore", invalid="ignore"):
        cosine = np.where(p == 0, 0.0, q / p**3)
    angle = (np.pi + np.arccos(np.clip(cosine, -1.0, 1.0))) / 3
    root = 2 * p * np.cos(angle) - b
    return np.asarray(np.clip(root, np.maximum(0.0, -delta), np.minimum(1.0, 1.0 - delta)))


def _koopman(x1: Numbers, n1: Numbers, x2: Numbers, n2: Numbers, ratio: Numbers) -> Numbers:
    """Koopman's chi-square of a ratio, with one degree of freedom."""
    a, b, c = (n1 + n2) * ratio, n1 * ratio + x1 + n2 + x2 * ratio, x1 + x2
    p1 = np.clip(ratio * (b - np.sqrt(np.maximum(b * b - 4 * a * c, 0.0))) / (2 * a), 0.0, 1.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        first = (x1 - n1 * p1) ** 2 / (n1 * p1 * (1 - p1))
        chi2 = first * (1 + n1 * (ratio - p1) / (n2 * (1 - p1)))
    return np.nan_to_num(chi2, nan=0.0)
