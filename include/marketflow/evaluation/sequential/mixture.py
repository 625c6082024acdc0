"""A bound that a sum of independent draws stays within at all times at once: Robbins' normal mixture.

For a sum S without drift whose variance so far is V, P(any V: |S| > sqrt((V + r) log((V + r) / (r alpha^2)))) <= alpha:
Robbins, "Statistical methods related to the law of the iterated logarithm", Ann. Math. Stat. 41 (1970); Howard, Ramdas,
McAuliffe and Sekhon, "Time-uniform, nonparametric, nonasymptotic confidence sequences", Ann. Stat. 49 (2021), eq. 14.
With a variance that is estimated it holds asymptotically, and S / n is then the centre of the asymptotic confidence
sequence of Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas, "Time-uniform central limit theory and asymptotic
confidence sequences", Ann. Stat. 52 (2024), theorem 2.2, there with r = variance / rho^2.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


def tightest(alpha: float) -> float:
    """V / r at which the bound is narrowest beside sqrt(V), about (Waudby-Smith et al., section 3.5). No unit."""
    return -2 * math.log(alpha) + math.log(1 - 2 * math.log(alpha))


def bound(variance: ArrayLike, looks: ArrayLike, mixing: float, alpha: float) -> Floats:
    """How far from its mean the sum may be; same shape as the arguments, in the sum's unit.

    `variance`: of the sum by now; `looks`: the variance that counts in the logarithm, at least `variance`; `mixing`: r,
    chosen before the first look. All in the unit of the sum, squared.
    """
    spread, seen = np.asarray(variance, float) + mixing, np.asarray(looks, float) + mixing
    half: Floats = np.sqrt(spread * (np.log(seen / mixing) - 2 * math.log(alpha)))
    return half


def p_value(total: ArrayLike, variance: ArrayLike, looks: ArrayLike, mixing: float) -> Floats:
    """The smallest alpha whose bound `total` is beyond; 0 to 1, same shape. Valid at whichever look one stops."""
    spread, seen = np.asarray(variance, float) + mixing, np.asarray(looks, float) + mixing
    log_p = 0.5 * np.log(seen / mixing) - np.square(np.asarray(total, float)) / (2 * spread)
    p: Floats = np.exp(np.minimum(0.0, log_p))
    return p
