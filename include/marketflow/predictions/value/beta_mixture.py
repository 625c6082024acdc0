"""What BG/NBD expects of customers who are alive, as an average over their chances to leave.

The paper writes it with Gauss's hypergeometric function, whose usual computation has poles (a = 1) and overflows for
customers with thousands of purchases. The same number is an average over p, the chance to leave after a purchase, of
which those alive after x purchases have Beta(a, b + x); of customers with such a p, R = r + x and A = alpha + T,

    E[purchases within t | p] = (1 - (A / (A + p t))^R) / p

That is positive, rises with t, and never exceeds R t / A; so does any weighted average of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import ArrayLike, NDArray

    Floats = NDArray[np.float64]

_NODES = 64
_TAIL = 1e-11
_ROWS_AT_A_TIME = 4_096


def purchases_if_alive(
    times: ArrayLike, frequency: ArrayLike, age: ArrayLike, *, r: float, alpha: float, a: float, b: float
) -> Floats:
    """Purchases within each of `times` after `age` of customers alive then, (customers, times).

    Raises ValueError for a time that is negative or not finite.
    """
    import numpy as np

    x, end = np.asarray(frequency, dtype=np.float64), np.asarray(age, dtype=np.float64)
    spans = np.atleast_1d(np.asarray(times, dtype=np.float64))
    if not (np.isfinite(spans) & (spans >= 0)).all():
        raise ValueError("times are finite, zero or more")
    different, place = np.unique(x, return_inverse=True)
    chances, shares = _nodes(a, b + different, r + different)
    found = np.empty((len(x), len(spans)))
    for start in range(0, len(x), _ROWS_AT_A_TIME):
        part = slice(start, start + _ROWS_AT_A_TIME)
        p, share = chances[place[part]], shares[place[part]]
        pace, power = p / (alpha + end[part])[:, np.newaxis], (r + x[part])[:, np.newaxis]
        for n, span in enumerate(spans):
            bought = -np.expm1(-power * np.log1p(pace * span)) / p
            found[part, n] = np.einsum("ij,ij->i", bought, share)
    return found


def _nodes(a: float, others: Floats, power: Floats) -> tuple[Floats, Floats]:
    """(p, weight) that stand for Beta(a, others): both (customers, nodes), the weights of a row sum to one.

    Equal steps of ln(p / (1 - p)): the density and what is averaged have no singularity within pi of the real line and
    fade at both ends, where the trapezoidal rule converges faster than any power of the step (Trefethen and Weideman,
    SIAM Review 56, 2014). Chances so small, or so near one, that they are all alike are one point.
    """
    import numpy as np
    from scipy.special import betainc, betaincinv, expit

    low = np.maximum(_logit(betaincinv(a, others, _TAIL)), -32 - np.log1p(power))
    high = np.minimum(-_logit(betaincinv(others, a, _TAIL)), 32.0)
    where = low[:, np.newaxis] + (np.maximum(high, low + 1) - low)[:, np.newaxis] * np.linspace(0.0, 1.0, _NODES)
    # the density of `where`, but for a factor: p (1 - p), the change of p with it, has made one power more of each
    level = -a * np.logaddexp(0, -where) - others[:, np.newaxis] * np.logaddexp(0, where)
    weight = np.exp(level - level.max(axis=1, keepdims=True))
    weight[:, [0, -1]] /= 2
    chance = expit(where)
    below, above = betainc(a, others, chance[:, 0]), betainc(others, a, expit(-where[:, -1]))
    weight *= ((1 - below - above) / weight.sum(axis=1))[:, np.newaxis]
    weight[:, 0] += below
    weight[:, -1] += above
    return chance, weight


def _logit(p: Floats) -> Floats:
    import numpy as np

    tiny = 1e-300
    return np.asarray(np.log(np.maximum(p, tiny)) - np.log1p(-np.minimum(p, 1 - 1e-16)))
