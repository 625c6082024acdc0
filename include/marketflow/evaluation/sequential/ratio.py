"""Are people in the arms in the shares that were meant? A test that may be looked at every day.

Lindon and Malek, "Anytime-Valid Inference For Multinomial Count Data", NeurIPS 2022 (arXiv:2011.03567): the Bayes
factor of a Dirichlet-multinomial against the shares is a martingale while these hold, so its inverse is a p-value at
any time (Ville). A chi-square test that is looked at daily alarms far more often than it says; held at a stricter
threshold it still has no level.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from marketflow.evaluation.sequential.mixture import Floats

# As if so many people had been seen in the meant shares: small ones find an arm that is missing, large ones a leak of
# one percent. The mean of their Bayes factors is a martingale as each of them is.
_BELIEFS = (10.0, 100.0, 1_000.0, 10_000.0)


def ratio_p_value(counts: ArrayLike, shares: ArrayLike) -> Floats:
    """P-value valid at any time of people by arm (the last axis, which goes) against shares of any sum.

    Raises ValueError for a share that is not above 0, or a count below 0.
    """
    n, weights = np.asarray(counts, float), np.asarray(shares, float)
    if np.any(weights <= 0) or np.any(n < 0):
        raise ValueError("shares must be above 0 and counts not below 0")
    meant = weights / weights.sum()
    log_factors = np.stack([_log_factor(n, meant, belief) for belief in _BELIEFS])
    highest = log_factors.max(axis=0)
    log_mean = highest + np.log(np.exp(log_factors - highest).mean(axis=0))
    p: Floats = np.exp(np.minimum(0.0, -log_mean))
    return p


def _log_factor(counts: Floats, meant: Floats, belief: float) -> Floats:
    """Of Dirichlet-multinomial against multinomial, both with the shares `meant`."""
    from scipy.special import gammaln

    prior = belief * meant
    whole = gammaln(belief) - gammaln(belief + counts.sum(axis=-1))
    factor: Floats = whole + (gammaln(prior + counts) - gammaln(prior) - counts * np.log(meant)).sum(axis=-1)
    return factor
