"""Gamma-Gamma: what customers spend per purchase, from the mean of those seen.

Fader and Hardie, "The Gamma-Gamma Model of Monetary Value" (2013); first in Fader, Hardie and Lee, "RFM and CLV: Using
Iso-Value Curves for Customer Base Analysis", Journal of Marketing Research 42 (2005). The money of a purchase is gamma
distributed (p, nu) with a nu of each customer's own, which is gamma distributed (q, gamma) over customers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from marketflow.predictions.value.likelihoods import Rows, dot, group_rows, maximise, sums_by
from marketflow.shared import NotEnoughData

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import ArrayLike, NDArray

    Floats = NDArray[np.float64]

# When the mean is one. q is over one, because without that what a new customer is expected to spend has no bound.
_BOUNDS = ((1e-3, 1e4), (1.01, 1e4), (1e-4, 1e5))
_STARTS = ((2.0, 3.0, 1.0), (0.5, 2.0, 2.0), (50.0, 10.0, 0.2))


@dataclass(frozen=True, kw_only=True)
class GammaGamma:
    """The parameters, with the log-likelihood that they reach. `gamma` has the data's unit of money."""

    p: float
    q: float
    gamma: float
    log_likelihood: float

    @property
    def mean_value(self) -> float:
        """What a purchase of a customer of whom nothing is known is expected to bring."""
        return self.p * self.gamma / (self.q - 1)

    def expected_order_value(self, frequency: ArrayLike, mean_value: ArrayLike) -> Floats:
        """The mean of all purchases to come, equation (5), for arrays of (customers,).

        frequency: how many purchases `mean_value` is the mean of. Where that is none, or the mean is not above zero,
        which no gamma distribution gives, it is the population's mean.
        """
        import numpy as np

        x, mean = np.asarray(frequency, dtype=np.float64), np.asarray(mean_value, dtype=np.float64)
        known = (x > 0) & (mean > 0)
        x, mean = np.where(known, x, 0.0), np.where(known, mean, 0.0)
        return np.asarray(self.p * (self.gamma + x * mean) / (self.p * x + self.q - 1))


def fit_gamma_gamma(frequency: ArrayLike, mean_value: ArrayLike, weights: ArrayLike | None = None) -> GammaGamma:
    """The parameters of greatest likelihood, equation (1a), for arrays of (customers,): purchases and their mean money.

    Customers without a purchase or with a mean that is not above zero are left out. weights: how many customers a row
    stands for. Raises ValueError for figures that cannot be, and NotEnoughData where nobody is left.
    """
    import numpy as np

    x, mean = (np.atleast_1d(np.asarray(v, dtype=np.float64)) for v in (frequency, mean_value))
    if x.shape != mean.shape or x.ndim != 1 or not np.isfinite(x).all() or (x < 0).any():
        raise ValueError("frequency and mean_value are arrays of one length, frequency is zero or more")
    given = np.ones(len(x)) if weights is None else np.asarray(weights, dtype=np.float64)
    used = (x > 0) & np.isfinite(mean) & (mean > 0)
    rows = group_rows(x[used], mean[used], weights=given[used])
    if not rows.total > 0:
        raise NotEnoughData("no customer has repeat purchases with a positive value: there are no sums to learn from")
    scale = dot(rows.weights, rows.columns[1]) / rows.total
    scaled = Rows(columns=(rows.columns[0], rows.columns[1] / scale), weights=rows.weights, row_of=rows.row_of)
    best = maximise(_Likelihood(scaled), _STARTS, _BOUNDS, screen=_Likelihood(scaled.few()))
    p, q, gamma = best.parameters
    level = best.log_likelihood - rows.total * float(np.log(scale))
    return GammaGamma(p=p, q=q, gamma=gamma * scale, log_likelihood=level)


class _Likelihood:
    """Equation (1a) and its gradient; what depends on x alone is worked out once per value."""

    def __init__(self, rows: Rows) -> None:
        import numpy as np

        self.x, mean = rows.columns
        self.weights, self.total = rows.weights, rows.total
        self.sums = self.x * mean
        self.log_sums = np.log(self.sums)
        self.constant = dot(self.weights, np.log(mean))
        self.xs, self.place = np.unique(self.x, return_inverse=True)
        self.counts = sums_by(self.place, self.weights, len(self.xs))

    def __call__(self, parameters: Floats) -> tuple[float, Floats]:
        """(log-likelihood, its derivatives by p, q, gamma)."""
        import numpy as np
        from scipy.special import betaln, digamma

        p, q, gamma = parameters
        shapes = p * self.xs
        share = np.log(gamma + self.sums)
        left = dot(self.weights, share)
        spread = dot(self.weights * self.x, self.log_sums - share)
        value = (
            -dot(self.counts, betaln(shapes, q)) + q * (np.log(gamma) * self.total - left) + p * spread - self.constant
        )
        drop = digamma(shapes + q)
        by_p = dot(self.counts * self.xs, drop - digamma(shapes)) + spread
        by_q = dot(self.counts, drop - digamma(q)) + np.log(gamma) * self.total - left
        by_gamma = q * self.total / gamma - dot(self.weights, (p * self.x + q) / (gamma + self.sums))
        return float(value), np.array([by_p, by_q, by_gamma])
