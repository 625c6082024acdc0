"""The difference of two rates, with an interval and a p-value that may be looked at as often as one likes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from marketflow.evaluation.sequential.mixture import Floats, bound, p_value


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Rate of an arm minus that of the control, by now; arrays of the counts' shape, rates from 0 to 1.

    Of an arm without people: difference 0, interval -1 to 1, p 1.
    """

    difference: Floats
    low: Floats
    high: Floats
    p: Floats


def compare_rates(
    arm: tuple[ArrayLike, ArrayLike], control: tuple[ArrayLike, ArrayLike], *, mixing: float, alpha: float
) -> Comparison:
    """Compare (successes, people) of an arm with those of the control, at this look among any number of looks.

    People are those exposed so far, successes those of them of whom it is known by now, so that both grow from look to
    look. That somebody may succeed later makes the sum a bridge rather than a walk: in the time F / (1 - F) of its rate
    F it is a walk again, so the logarithm takes V / (1 - F)^2, which costs nothing when rates are small. The variance
    is that of the two rates with half a success and half a failure added (Jeffreys), so that nobody, or everybody,
    having succeeded is no certainty. `mixing` is Pair.mixing. Raises ValueError for counts that cannot be.
    """
    x1, n1 = (np.asarray(c, float) for c in arm)
    x0, n0 = (np.asarray(c, float) for c in control)
    if np.any(x1 < 0) or np.any(x0 < 0) or np.any(x1 > n1) or np.any(x0 > n0):
        raise ValueError("successes must be between 0 and the number of people")
    people = n1 + n0
    difference = np.where((n1 > 0) & (n0 > 0), x1 / np.maximum(n1, 1) - x0 / np.maximum(n0, 1), 0.0)
    variance = np.square(people) * (_variance(x1, n1) + _variance(x0, n0))
    looks = variance / np.square(1 - (x1 + x0 + 0.5) / (people + 1))
    half = bound(variance, looks, mixing, alpha) / np.maximum(people, 1)
    nobody = (n1 == 0) | (n0 == 0)
    return Comparison(
        difference=difference,
        low=np.where(nobody, -1.0, np.maximum(difference - half, -1.0)),
        high=np.where(nobody, 1.0, np.minimum(difference + half, 1.0)),
        p=np.where(nobody, 1.0, p_value(difference * people, variance, looks, mixing)),
    )


def _variance(successes: Floats, people: Floats) -> Floats:
    rate = (successes + 0.5) / (people + 1)
    return rate * (1 - rate) / np.maximum(people, 1)
