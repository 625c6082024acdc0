"""A logistic regression whose parts add up: how much each sign raises or lowers the chance can be said exactly."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from marketflow.shared import NotEnoughData

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Bools = NDArray[np.bool_]

FEWEST = 10
"""Of each of the two outcomes; with fewer there is nothing to learn."""
_STRENGTH = 0.01  # of the ridge: little data are held near the average, and with many it does not matter
_OUTLIERS = (0.005, 0.995)


@dataclass(frozen=True)
class AdditiveModel:
    """logit(p) = intercept + sum over signs of a line with one bend, at the median; all arrays of (signs,).

    Values beyond the outer half percent of what was learnt from count as at its edge, so that nothing unseen runs away.
    """

    lowest: Floats
    highest: Floats
    bend: Floats
    centres: Floats
    scales: Floats
    weights: Floats
    intercept: float

    def contributions(self, signs: Floats) -> Floats:
        """(customers, signs): how far each sign moves the logit from the intercept, the average customer's."""
        parts: Floats = (
            (_basis(signs, self.lowest, self.highest, self.bend) - self.centres) / self.scales * self.weights
        )
        return parts[:, : len(self.bend)] + parts[:, len(self.bend) :]

    def logits(self, signs: Floats) -> Floats:
        """(customers,): the logarithms of the odds."""
        total: Floats = self.contributions(signs).sum(axis=1) + self.intercept
        return total

    def probabilities(self, signs: Floats) -> Floats:
        """(customers,): strictly between 0 and 1."""
        import numpy as np
        from scipy.special import expit

        chances: Floats = np.clip(expit(self.logits(signs)), 1e-6, 1 - 1e-6)
        return chances

    def calibrated(self, signs: Floats, outcomes: Bools) -> AdditiveModel:
        """The model whose logits are a line through these ones, fitted to later outcomes; stays additive.

        Platt, "Probabilistic Outputs for Support Vector Machines" (1999). Unchanged where the outcomes are too few or
        would turn the order round.
        """
        slope, level = platt(self.logits(signs), outcomes)
        if slope <= 0:
            return self
        return replace(self, weights=self.weights * slope, intercept=self.intercept * slope + level)


def fit_additive(signs: Floats, outcomes: Bools) -> AdditiveModel:
    """Fit by ridge-penalised maximum likelihood; signs (customers, signs), outcomes (customers,).

    A sign that hardly differs between customers is left out (its weight is 0). Raises NotEnoughData when there are
    fewer than ten of either outcome.
    """
    import numpy as np
    from sklearn.linear_model import LogisticRegression

    if min(int(outcomes.sum()), int((~outcomes).sum())) < FEWEST:
        raise NotEnoughData(
            f"of {len(outcomes)} customers to learn from {int(outcomes.sum())} stopped buying; at least {FEWEST} who "
            f"did and {FEWEST} who did not are needed"
        )
    lowest, bend, highest = np.quantile(signs, (_OUTLIERS[0], 0.5, _OUTLIERS[1]), axis=0)
    basis = _basis(signs, lowest, highest, bend)
    centres, spread = basis.mean(axis=0), basis.std(axis=0)
    used = spread > 1e-3
    scales = np.where(used, spread, 1.0)
    basis -= centres
    basis /= scales
    weights = np.zeros(basis.shape[1])
    model = LogisticRegression(C=_STRENGTH, max_iter=500, tol=1e-5)
    if used.any():
        model.fit(basis[:, used], outcomes)
        weights[used], intercept = model.coef_[0], float(model.intercept_[0])
    else:
        intercept = float(np.log(outcomes.mean() / (1 - outcomes.mean())))
    return AdditiveModel(lowest, highest, bend, centres, scales, weights, intercept)


def platt(logits: Floats, outcomes: Bools) -> tuple[float, float]:
    """(slope, level) of the line through the logits that fits the outcomes best; (1, 0) where there are too few."""
    import numpy as np
    from sklearn.linear_model import LogisticRegression

    if min(int(outcomes.sum()), int((~outcomes).sum())) < FEWEST or np.ptp(logits) < 1e-9:
        return 1.0, 0.0
    line = LogisticRegression(C=1e4, max_iter=500).fit(logits[:, np.newaxis], outcomes)
    return float(line.coef_[0, 0]), float(line.intercept_[0])


def _basis(signs: Floats, lowest: Floats, highest: Floats, bend: Floats) -> Floats:
    """(customers, 2 x signs): the sign itself, and how far it is beyond the bend."""
    import numpy as np

    inside = np.clip(signs, lowest, highest)
    return np.hstack([inside, np.maximum(inside - bend, 0.0)])
