"""The blend: a logistic regression whose weights may not be negative, held small by a ridge.

Signals are built so that more of them means more likely. Where answers are few, a weight below zero is chance: that it
is ruled out holds the model as a ridge does (Slawski and Hein, "Non-negative least squares for high-dimensional linear
models", 2013). How strong the ridge is, is left to the campaigns learnt from: each fifth of them is held out in turn.
A strong ridge makes chances too much alike; a line through the log odds, fitted without one, puts that right (Platt,
"Probabilistic Outputs for Support Vector Machines", 1999).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from marketflow.recommenders.campaigns.measures import within_auc
from marketflow.shared import NotEnoughData

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Integers = NDArray[np.int64]
    Floats = NDArray[np.float64]
    Bools = NDArray[np.bool_]

FEWEST = 20
"""Answers to learn from; with fewer there is nothing to learn."""
STRENGTHS = (1_000.0, 100.0, 10.0, 1.0)
"""Of the ridge, the strongest first, which wins where they are as good."""
_FOLDS = 5
_LOOSE = 1.0  # a ridge that only keeps the slope finite


@dataclass(frozen=True)
class Rows:
    """Customers who received campaigns: signals (rows, signals), whether they answered, and which campaign it was."""

    signals: Floats
    answered: Bools
    campaign: Integers

    def where(self, keep: Bools) -> Rows:
        """Some of them."""
        return Rows(self.signals[keep], self.answered[keep], self.campaign[keep])


@dataclass(frozen=True)
class Blend:
    """logit(p) = intercept + sum of (signal - centre) / scale x weight; arrays of (signals,); weights are not negative.

    Values beyond what was learnt from count as at its edge.
    """

    lowest: Floats
    highest: Floats
    centres: Floats
    scales: Floats
    weights: Floats
    intercept: float
    strength: float

    def contributions(self, signals: Floats) -> Floats:
        """(customers, signals): how far each signal moves the log odds from the average receiver's."""
        import numpy as np

        parts: Floats = (np.clip(signals, self.lowest, self.highest) - self.centres) / self.scales * self.weights
        return parts

    def probabilities(self, signals: Floats) -> Floats:
        """(customers,): strictly between 0 and 1."""
        import numpy as np
        from scipy.special import expit

        chances: Floats = np.clip(expit(self.contributions(signals).sum(axis=1) + self.intercept), 1e-6, 1 - 1e-6)
        return chances


def fit_blend(rows: Rows) -> Blend:
    """Learn the weights. Raises NotEnoughData with fewer than 20 answers, or where everybody answered."""
    import numpy as np

    answers = int(rows.answered.sum())
    if answers == 0 and len(rows.answered):
        raise NotEnoughData(f"nobody answered any of the {len(np.unique(rows.campaign))} campaigns to learn from")
    if answers < FEWEST or answers == len(rows.answered):
        raise NotEnoughData(
            f"of {len(rows.answered)} receipts of campaigns to learn from {answers} were answered; at least {FEWEST} "
            "that were and one that was not are needed"
        )
    return _spread(_fit(rows, _best_strength(rows)), rows)


def _spread(blend: Blend, rows: Rows) -> Blend:
    """The blend with chances as far apart as the answers say; the order stays."""
    index = Rows(blend.contributions(rows.signals).sum(axis=1, keepdims=True), rows.answered, rows.campaign)
    line = _fit(index, _LOOSE)
    slope = float(line.weights[0] / line.scales[0])
    if slope <= 0:
        return blend
    intercept = line.intercept - slope * float(line.centres[0])
    return replace(blend, weights=blend.weights * slope, intercept=intercept)


def _best_strength(rows: Rows) -> float:
    """The one that puts campaigns in the best order that it did not learn from; campaigns lie in folds by turns."""
    import numpy as np

    folds = np.unique(rows.campaign, return_inverse=True)[1] % _FOLDS
    found: list[tuple[float, float]] = []
    for strength in STRENGTHS:
        scores = np.zeros(len(rows.answered))
        for fold in np.unique(folds):
            out = folds == fold
            rest = rows.where(~out)
            if rest.answered.any() and not rest.answered.all():
                scores[out] = _fit(rest, strength).contributions(rows.signals[out]).sum(axis=1)
        found.append((within_auc(rows.answered, scores, rows.campaign) or 0.5, strength))
    return max(found, key=lambda pair: round(pair[0], 3))[1]


def _fit(rows: Rows, strength: float) -> Blend:
    import numpy as np
    from scipy.optimize import minimize

    lowest, highest = rows.signals.min(axis=0), rows.signals.max(axis=0)
    centres, spread = rows.signals.mean(axis=0), rows.signals.std(axis=0)
    scales = np.where(spread > 1e-9, spread, 1.0)
    inputs = np.where(spread > 1e-9, (rows.signals - centres) / scales, 0.0)
    outcomes = rows.answered.astype(np.float64)

    def loss(theta: Floats) -> tuple[float, Floats]:
        logits = theta[0] + inputs @ theta[1:]
        excess = 1 / (1 + np.exp(-logits)) - outcomes
        value = np.logaddexp(0, logits).sum() - outcomes @ logits + strength / 2 * (theta[1:] @ theta[1:])
        return value, np.concatenate([[excess.sum()], inputs.T @ excess + strength * theta[1:]])

    rate = outcomes.mean()
    start = np.concatenate([[np.log(rate / (1 - rate))], np.zeros(inputs.shape[1])])
    bounds = [(None, None), *[(0.0, None)] * inputs.shape[1]]
    found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds, options={"maxiter": 500}).x
    return Blend(lowest, highest, centres, scales, found[1:], float(found[0]), strength)
