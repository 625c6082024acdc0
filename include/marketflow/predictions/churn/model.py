"""Churn: the chance that a customer buys nothing in the next N days, N from her own rhythm; and how good it is.

The model is additive in the logit (additive_model), learnt on past days and calibrated on a later one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from marketflow.predictions.churn.additive import AdditiveModel, fit_additive
from marketflow.predictions.customers.rhythm import Rhythm, rhythm_of
from marketflow.predictions.customers.signs import FAMILY_OF_SIGN, signs_of
from marketflow.predictions.customers.snapshots import Snapshot

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Bools = NDArray[np.bool_]

ALL_SIGNS = tuple(range(len(FAMILY_OF_SIGN)))
RECENCY = (list(FAMILY_OF_SIGN).index("away"),)
"""The columns of signs that the baselines know: the days since the last purchase; and N, by how long it is."""
RECENCY_AND_N = (*RECENCY, list(FAMILY_OF_SIGN).index("churn_days"))
_BINS = 10


@dataclass(frozen=True)
class Bounds:
    """N is never less than `shortest` nor more than `longest` days."""

    shortest: int
    longest: int

    def __post_init__(self) -> None:
        if not 1 <= self.shortest <= self.longest:
            raise ValueError(f"churn days must be from 1 up: {self.shortest} to {self.longest}")


@dataclass(frozen=True)
class Known:
    """What the model is given of customers: rhythm, N in days (customers,) and signs (customers, signs)."""

    rhythm: Rhythm
    churn_days: NDArray[np.int64]
    signs: Floats


def know(features: pd.DataFrame, bounds: Bounds, rhythm: Rhythm | None = None) -> Known:
    """From features as of a day. A part of the customers needs their `rhythm`, which everybody's has a share in."""
    rhythm = rhythm or rhythm_of(features)
    churn_days = rhythm.churn_days(bounds.shortest, bounds.longest)
    return Known(rhythm, churn_days, signs_of(features, rhythm, churn_days))


def outcomes_of(snapshot: Snapshot, churn_days: NDArray[np.int64]) -> Bools:
    """(customers,): True for who bought nothing on the N days after the snapshot's."""
    stopped: Bools = snapshot.days_to_next > churn_days
    return stopped


def fit_churn(
    learn: Sequence[Snapshot], calibrate: Snapshot, bounds: Bounds, columns: tuple[int, ...] = ALL_SIGNS
) -> AdditiveModel:
    """The calibrated model on these columns of the signs. Raises NotEnoughData as fit_additive does."""
    import numpy as np

    known = [know(s.features, bounds) for s in learn]
    signs = np.vstack([k.signs[:, columns] for k in known])
    stopped = np.concatenate([outcomes_of(s, k.churn_days) for s, k in zip(learn, known, strict=True)])
    del known
    model = fit_additive(signs, stopped)
    later = know(calibrate.features, bounds)
    return model.calibrated(later.signs[:, columns], outcomes_of(calibrate, later.churn_days))


def auc(chances: Floats, stopped: Bools) -> float | None:
    """Area under the ROC curve; None when all or none stopped."""
    from sklearn.metrics import roc_auc_score

    return None if stopped.all() or not stopped.any() else float(roc_auc_score(stopped, chances))


def brier(chances: Floats, stopped: Bools) -> float | None:
    """Mean squared difference of chance and outcome (Brier 1950); None when all or none stopped."""
    return None if stopped.all() or not stopped.any() else float(((chances - stopped) ** 2).mean())


def reliability(chances: Floats, stopped: Bools) -> list[dict[str, Any]]:
    """Tenths of customers by chance, from the lowest: mean chance foreseen, share that came true, how many they are."""
    import numpy as np

    tenths = np.array_split(np.argsort(chances, kind="stable"), min(_BINS, max(1, len(chances))))
    return [
        {"foreseen": float(chances[rows].mean()), "observed": float(stopped[rows].mean()), "customers": len(rows)}
        for rows in tenths
        if len(rows)
    ]


def calibration_error(bins: Sequence[dict[str, Any]]) -> float | None:
    """Mean distance of foreseen and observed over the bins, by customers (expected calibration error)."""
    everybody = sum(b["customers"] for b in bins)
    if not everybody:
        return None
    return float(sum(b["customers"] * abs(b["foreseen"] - b["observed"]) for b in bins) / everybody)
