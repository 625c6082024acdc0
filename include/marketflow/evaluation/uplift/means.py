"""Two means of heavy-tailed amounts, such as revenue per person with all who bought nothing, from a few sums per arm.

All functions work elementwise on arrays. Nobody's amounts are held in memory: an arm is its number of people, its mean
and two central moments, which SQL adds up.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from marketflow.evaluation.uplift.estimate import Estimate, where_it_passes

Numbers = NDArray[np.float64]
_MOST_LOG_RATIO = 20.0  # nobody buys half a billion times as much


@dataclass(frozen=True, kw_only=True)
class Arm:
    """One arm: people, mean, variance (with n - 1) and third central moment (with n) of what each of them brought."""

    people: Numbers
    mean: Numbers
    variance: Numbers
    third: Numbers

    @classmethod
    def of(cls, people: ArrayLike, mean: ArrayLike, variance: ArrayLike, third: ArrayLike) -> Self:
        """From moments that are known."""
        n, m, v, t = (np.asarray(given, dtype=float) for given in (people, mean, variance, third))
        return cls(people=n, mean=m, variance=v, third=t)

    @classmethod
    def of_sums(cls, people: ArrayLike, total: ArrayLike, squares: ArrayLike, cubes: ArrayLike) -> Self:
        """From the sums of amounts, of their squares and of their cubes over all people of the arm, zeros included."""
        n, s1, s2, s3 = (np.asarray(given, dtype=float) for given in (people, total, squares, cubes))
        if (n < 1).any():
            raise ValueError("an arm has nobody in it")
        mean = s1 / n
        second = np.maximum(s2 / n - mean**2, 0.0)
        third = s3 / n - 3 * mean * s2 / n + 2 * mean**3
        with np.errstate(divide="ignore", invalid="ignore"):
            variance = np.where(n > 1, second * n / (n - 1), np.nan)
        return cls(people=n, mean=mean, variance=variance, third=third)

    def times(self, factor: ArrayLike) -> Arm:
        """The same people, each with `factor` times as much."""
        by = np.asarray(factor, dtype=float)
        return Arm(people=self.people, mean=self.mean * by, variance=self.variance * by**2, third=self.third * by**3)

    @classmethod
    def of_values(cls, values: ArrayLike) -> Self:
        """From the amounts themselves, persons along the last axis."""
        x = np.asarray(values, dtype=float)
        apart = x - x.mean(axis=-1, keepdims=True)
        return cls(
            people=np.full(x.shape[:-1], float(x.shape[-1])), mean=x.mean(axis=-1), variance=x.var(axis=-1, ddof=1),
            third=(apart**3).mean(axis=-1),
        )  # fmt: skip


def welch(arm: Arm, control: Arm, *, alpha: float = 0.05) -> tuple[Numbers, Numbers]:
    """(low, high) of the difference of means: Welch, Biometrika 34 (1947) 28-35. What ours is held against."""
    error, freedom = _error(arm, control)
    half = stats.t.ppf(1 - alpha / 2, freedom) * error
    return arm.mean - control.mean - half, arm.mean - control.mean + half


def difference_of_means(arm: Arm, control: Arm, *, alpha: float = 0.05) -> Estimate:
    """Treated mean less control mean, with an interval of level 1 - alpha that allows for skewness, and its p-value.

    The t statistic of skewed amounts is itself skewed where the arms are of unequal size (a small holdout), and Welch's
    interval then misses on one side. Hall's monotone cubic transformation takes the first term of that skewness away:
    Hall, "On the removal of skewness by transformation", JRSS B 54 (1992) 221-228; for two samples Zhou and Dinh,
    "Nonparametric confidence intervals for the one- and two-sample problems", Biostatistics 6 (2005) 187-200. Unlike
    them we take one coefficient of skewness from both arms together, since that of a small arm is mostly noise; and
    Student's quantile with Welch's degrees of freedom. With equal arms it is Welch's interval to the digit.
    docs/decisions/0024-evaluation.md has the coverage that was measured. p < alpha where the interval leaves out zero.
    """
    error, freedom = _error(arm, control)
    skew = _skewness(arm, control)
    found = arm.mean - control.mean
    quantile = stats.t.ppf(1 - alpha / 2, freedom)
    p_value = 2 * stats.t.sf(np.abs(_transformed(_t(arm, control), skew)), freedom)
    low, high = found - error * _undone(quantile, skew), found - error * _undone(-quantile, skew)
    return Estimate(value=found, low=low, high=high, p_value=p_value)


def ratio_of_means(arm: Arm, control: Arm, *, alpha: float = 0.05) -> tuple[Numbers, Numbers, Numbers]:
    """(ratio, low, high) of treated mean to control mean: all ratios r that `difference_of_means` does not reject.

    Fieller's argument (JRSS B 16 (1954) 175-185): the ratio is r where treated less r times control has the mean zero.
    The interval leaves out 1 where that of the difference leaves out zero; it has no upper end (infinity) where the
    control's mean may be zero. nan where a mean is not above zero: then there is no ratio to speak of.
    """
    usable = (arm.mean > 0) & (control.mean > 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        found = np.where(usable, arm.mean / control.mean, np.nan)
        middle = np.clip(np.nan_to_num(np.log(found), nan=0.0), -_MOST_LOG_RATIO, _MOST_LOG_RATIO)
    end = np.full_like(middle, _MOST_LOG_RATIO)

    def beyond(log_ratio: Numbers) -> Numbers:
        scaled = control.times(np.exp(log_ratio))
        _, freedom = _error(arm, scaled)
        skew = _skewness(arm, scaled)
        return np.asarray(_transformed(_t(arm, scaled), skew) / stats.t.ppf(1 - alpha / 2, freedom))

    low = where_it_passes(lambda r: beyond(r) > 1, -end, middle)
    high = where_it_passes(lambda r: beyond(r) >= -1, middle, end)
    low, high = np.exp(low), np.where(high > _MOST_LOG_RATIO - 1, np.inf, np.exp(high))
    return found, np.where(usable, low, np.nan), np.where(usable, high, np.nan)


def _t(arm: Arm, control: Arm) -> Numbers:
    error, _ = _error(arm, control)
    found = arm.mean - control.mean
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.where(found == 0, 0.0, found / error))


def _error(arm: Arm, control: Arm) -> tuple[Numbers, Numbers]:
    """The difference's standard error, and Welch's degrees of freedom."""
    a, b = arm.variance / arm.people, control.variance / control.people
    with np.errstate(divide="ignore", invalid="ignore"):
        freedom = (a + b) ** 2 / (a**2 / (arm.people - 1) + b**2 / (control.people - 1))
    return np.sqrt(a + b), np.where(np.isfinite(freedom), np.maximum(freedom, 1.0), 1.0)


def _skewness(arm: Arm, control: Arm) -> Numbers:
    """The skewness of the difference of the means, had both arms the same distribution: 0 for arms of one size."""
    n, m = arm.people, control.people
    with np.errstate(divide="ignore", invalid="ignore"):
        second = (n * arm.variance + m * control.variance) / (n + m)
        coefficient = (n * arm.third + m * control.third) / (n + m) / second**1.5
    unequal = (1 / n**2 - 1 / m**2) / (1 / n + 1 / m) ** 1.5
    return np.nan_to_num(coefficient, nan=0.0, posinf=0.0, neginf=0.0) * unequal


def _transformed(t: Numbers, skew: Numbers) -> Numbers:
    """Hall's transformation: symmetrical to the first order. Goes up with t everywhere."""
    with np.errstate(invalid="ignore"):
        moved = t + skew * t**2 / 3 + skew**2 * t**3 / 27 + skew / 6
    return np.asarray(np.where(np.isfinite(t), moved, t))


def _undone(z: Numbers, skew: Numbers) -> Numbers:
    """The t whose transform is z."""
    flat = np.abs(skew) < 1e-9
    safe = np.where(flat, 1.0, skew)
    return np.asarray(np.where(flat, z, 3 / safe * (np.cbrt(1 + safe * (z - safe / 6)) - 1)))
