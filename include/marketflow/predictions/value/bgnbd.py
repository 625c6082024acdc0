"""BG/NBD: how often customers without a contract buy, and whether they still do, from when they have bought.

Fader, Hardie and Lee, "Counting Your Customers the Easy Way: An Alternative to the Pareto/NBD Model", Marketing Science
24(2), 2005. While alive a customer buys at a rate of her own, gamma distributed (r, alpha) over customers; after each
purchase she leaves for good with a chance of her own, beta distributed (a, b). Numbers of equations are the paper's.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from marketflow.predictions.value.beta_mixture import purchases_if_alive
from marketflow.predictions.value.likelihoods import Rows, dot, group_rows, maximise, sums_by
from marketflow.shared import NotEnoughData

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import ArrayLike, NDArray

    Floats = NDArray[np.float64]

# Where the search may go when the mean age is one: within it nothing over- or underflows.
_BOUNDS = ((1e-4, 1e5),) * 4
# Of (r, alpha by the overall pace, a, b); several, because a model in which nobody leaves is a hill of its own.
_STARTS = ((0.5, 1.0, 0.5, 2.0), (2.0, 1.0, 0.05, 2.0), (0.2, 0.2, 2.0, 2.0))


@dataclass(frozen=True, kw_only=True)
class BgNbd:
    """The parameters, with the log-likelihood that they reach. `alpha` has the data's unit of time.

    Arguments of the same name mean the same everywhere, arrays of (customers,): `frequency` x is the number of
    purchases after the first, `recency` t_x when the last one was and `age` T the end of observation, counted from the
    first. Wrong figures raise ValueError.
    """

    r: float
    alpha: float
    a: float
    b: float
    log_likelihood: float

    def probability_alive(self, frequency: ArrayLike, recency: ArrayLike, age: ArrayLike) -> Floats:
        """The chance that each still buys; one for those who bought once, as customers leave after repeats only.

        Fader, Hardie and Lee, "Computing P(alive) Using the BG/NBD Model" (2008), in logarithms.
        """
        from scipy.special import expit

        x, t_x, end = checked(frequency, recency, age)
        alive: Floats = expit(-self._log_odds_gone(x, t_x, end))
        return alive

    def _log_odds_gone(self, x: Floats, t_x: Floats, end: Floats) -> Floats:
        """ln of P(gone) / P(alive); minus infinity for x = 0."""
        import numpy as np

        silent = np.log1p((end - t_x) / (self.alpha + t_x))
        odds = math.log(self.a) - np.log(self.b + np.maximum(x, 1) - 1) + (self.r + x) * silent
        return np.where(x > 0, odds, -np.inf)

    def expected_purchases(self, times: ArrayLike, frequency: ArrayLike, recency: ArrayLike, age: ArrayLike) -> Floats:
        """Purchases within each of `times` after `age`, given what was observed, (customers, times): equation (10)."""
        import numpy as np

        x, t_x, end = checked(frequency, recency, age)
        rows = group_rows(x, end)  # of those alive, when they last bought says nothing more
        alike = self.purchases_if_alive(times, *rows.columns)
        return np.asarray(alike[rows.row_of] * self.probability_alive(x, t_x, end)[:, np.newaxis])

    def purchases_if_alive(self, times: ArrayLike, frequency: ArrayLike, age: ArrayLike) -> Floats:
        """As expected_purchases, of customers who are alive at `age`."""
        return purchases_if_alive(times, frequency, age, r=self.r, alpha=self.alpha, a=self.a, b=self.b)

    def purchases_of_new(self, times: ArrayLike) -> Floats:
        """Purchases after the first within each of `times` from it, of anybody, (times,): equation (9)."""
        import numpy as np

        return np.asarray(self.purchases_if_alive(times, [0.0], [0.0])[0])


def fit_bgnbd(frequency: ArrayLike, recency: ArrayLike, age: ArrayLike, weights: ArrayLike | None = None) -> BgNbd:
    """The parameters of greatest likelihood, equation (6), for customers described as BgNbd says, in any unit of time.

    weights: how many customers a row stands for. Raises ValueError for figures that cannot be, and NotEnoughData where
    nobody has bought twice.
    """
    rows = group_rows(*checked(frequency, recency, age), weights=weights)
    repeats = dot(rows.weights, rows.columns[0])
    if not repeats > 0:
        raise NotEnoughData("no customer has bought on two days or more: there is no rhythm to learn from")
    scale = dot(rows.weights, rows.columns[2]) / rows.total
    x, t_x, end = rows.columns
    scaled = Rows(columns=(x, t_x / scale, end / scale), weights=rows.weights, row_of=rows.row_of)
    starts = [(r, r * alpha * rows.total / repeats, a, b) for r, alpha, a, b in _STARTS]
    best = maximise(_Likelihood(scaled), starts, _BOUNDS, screen=_Likelihood(scaled.few()))
    r, alpha, a, b = best.parameters
    # in another unit of time each repeat's density is another: the likelihood has one factor for each
    level = best.log_likelihood - repeats * math.log(scale)
    return BgNbd(r=r, alpha=alpha * scale, a=a, b=b, log_likelihood=level)


def checked(frequency: ArrayLike, recency: ArrayLike, age: ArrayLike) -> tuple[Floats, Floats, Floats]:
    """The three as arrays of floats; recency is 0 where frequency is. Raises ValueError for figures that cannot be."""
    import numpy as np

    x, t_x, end = (np.atleast_1d(np.asarray(v, dtype=np.float64)) for v in (frequency, recency, age))
    if not x.shape == t_x.shape == end.shape or x.ndim != 1:
        raise ValueError("frequency, recency and age are arrays of one length")
    if not (np.isfinite(x).all() and np.isfinite(t_x).all() and np.isfinite(end).all()):
        raise ValueError("frequency, recency and age are finite")
    if (x < 0).any() or (x != np.floor(x)).any():
        raise ValueError("frequency is a whole number, zero or more")
    if (t_x < 0).any() or (t_x > end).any() or ((x > 0) & (end == 0)).any():
        raise ValueError("recency is between zero and age, and age is above zero for who has bought again")
    return x, np.where(x > 0, t_x, 0.0), end


class _Likelihood:
    """Equation (6) and its gradient. What depends on x alone, or on T or t_x alone, is worked out once per value."""

    def __init__(self, rows: Rows) -> None:
        import numpy as np

        x, t_x, end = rows.columns
        again = x > 0
        self.x, self.weights = x[again], rows.weights[again]
        self.t_x, self.end = t_x[again], end[again]
        self.xs, self.place = np.unique(self.x, return_inverse=True)
        self.counts = sums_by(self.place, self.weights, len(self.xs))
        once = group_rows(end[~again], weights=rows.weights[~again])
        self.once_end, self.once = once.columns[0], once.weights

    def __call__(self, parameters: Floats) -> tuple[float, Floats]:
        """(log-likelihood, its derivatives by r, alpha, a, b)."""
        import numpy as np

        value, slope = self._once(parameters)
        for term, change in (self._by_frequency(parameters), self._by_row(parameters)):
            value, slope = value + term, slope + change
        return float(value), np.asarray(slope)

    def _once(self, parameters: Floats) -> tuple[float, Floats]:
        """Of those who bought once: (alpha / (alpha + T))^r."""
        import numpy as np

        r, alpha = parameters[:2]
        waited = np.log1p(self.once_end / alpha)
        together = dot(self.once, waited)
        by_alpha = r / alpha * dot(self.once, self.once_end / (alpha + self.once_end))
        return -r * together, np.array([-together, by_alpha, 0.0, 0.0])

    def _by_frequency(self, parameters: Floats) -> tuple[float, Floats]:
        """Of the others, what needs x only."""
        import numpy as np
        from scipy.special import betaln, digamma, gammaln

        r, alpha, a, b = parameters
        terms = gammaln(r + self.xs) - gammaln(r) + r * math.log(alpha) + betaln(a, b + self.xs) - betaln(a, b)
        both = digamma(a + b) - digamma(a + b + self.xs)
        by = (
            digamma(r + self.xs) - digamma(r) + math.log(alpha),
            np.full(len(self.xs), r / alpha),
            both,
            both + digamma(b + self.xs) - digamma(b),
        )
        return dot(self.counts, terms), np.array([dot(self.counts, change) for change in by])

    def _by_row(self, parameters: Floats) -> tuple[float, Floats]:
        """Of the others, the sum of the two ways: alive until T, or gone after the last purchase."""
        import numpy as np
        from scipy.special import expit

        r, alpha, a, b = parameters
        since, until = alpha + self.t_x, alpha + self.end
        log_until = np.log(until)
        silent = log_until - np.log(since)
        before = b + self.xs - 1
        odds = (math.log(a) - np.log(before))[self.place] + (r + self.x) * silent
        gone = self.weights * expit(odds)
        later = self.weights * (r + self.x)
        value = dot(self.weights, np.logaddexp(0, odds)) - dot(later, log_until)
        by_r = dot(gone, silent) - dot(self.weights, log_until)
        by_alpha = dot(gone * (r + self.x), 1 / until - 1 / since) - dot(later, 1 / until)
        by_b = -dot(sums_by(self.place, gone, len(self.xs)), 1 / before)
        return value, np.array([by_r, by_alpha, float(gone.sum()) / a, by_b])
