"""How good the chances of churn are: on the latest day whose outcomes are known, beside simpler ways to tell."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from marketflow.predictions.churn.additive import platt
from marketflow.predictions.churn.model import (
    RECENCY,
    RECENCY_AND_N,
    Bounds,
    auc,
    brier,
    calibration_error,
    fit_churn,
    know,
    outcomes_of,
    reliability,
)
from marketflow.predictions.customers.cuts import Cuts
from marketflow.predictions.customers.features import SEED
from marketflow.predictions.customers.snapshots import Snapshot, Snapshots
from marketflow.predictions.value.bgnbd import fit_bgnbd
from marketflow.shared import NotEnoughData
from marketflow.warehouse import Score

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

_RECENCY, _RECENCY_AND_N, _ALIVE = "recency alone", "recency and churn days", "P(alive) of BG/NBD"
_WEEK = 7.0


@dataclass(frozen=True)
class _Rival:
    """A simpler way to tell: how it orders customers, and its chances, calibrated as ours are."""

    name: str
    order: tuple[Floats, ...]
    chances: Floats
    decides: bool


def measure_churn(snapshots: Snapshots, cuts: Cuts, bounds: Bounds) -> tuple[tuple[Score, ...], dict[str, Any]]:
    """(scores, facts) of the procedure, learnt with outcomes until the test day and measured on those after it.

    Scores have no figure where the history is too short, or all or none of the customers stopped.
    """
    if cuts.trial is None:
        return _unmeasured(cuts.split()), {"calibration_error": None, "reliability": []}
    learn, calibrate = snapshots.of(cuts.trial)
    test = snapshots.at(cuts.test)
    try:
        model = fit_churn(learn, calibrate, bounds)
        rivals = (*_recency(learn, calibrate, test, bounds), *_alive(calibrate, test, bounds))
    except NotEnoughData as why:
        return _unmeasured(f"not measured: {why}"), {"calibration_error": None, "reliability": []}
    known = know(test.features, bounds)
    stopped, chances = outcomes_of(test, known.churn_days), model.probabilities(known.signs)
    scores = [
        Score(
            metric=metric, ours=measure(chances, stopped), baseline=rival.name, baseline_value=value,
            split=cuts.split(), higher_is_better=metric == "auc", seed=SEED, decides=rival.decides,
        )
        for rival in rivals
        for metric, measure, value in (
            ("auc", auc, _best_auc(rival, stopped)), ("brier", brier, brier(rival.chances, stopped))
        )
    ]  # fmt: skip
    bins = reliability(chances, stopped)
    facts = {"calibration_error": calibration_error(bins), "reliability": bins, "tested_customers": len(test)}
    return tuple(scores), facts | {"tested_churn_rate": float(stopped.mean()) if len(test) else None}


def _unmeasured(split: str) -> tuple[Score, ...]:
    return tuple(
        Score(
            metric=metric, ours=None, baseline=_RECENCY, baseline_value=None, split=split,
            higher_is_better=metric == "auc", seed=SEED,
        )
        for metric in ("auc", "brier")
    )  # fmt: skip


def _best_auc(rival: _Rival, stopped: NDArray[np.bool_]) -> float | None:
    found = [value for order in rival.order if (value := auc(order, stopped)) is not None]
    return max(found) if found else None


def _recency(learn: tuple[Snapshot, ...], calibrate: Snapshot, test: Snapshot, bounds: Bounds) -> list[_Rival]:
    """The same model on few signs; by AUC the days themselves may be as good, and the better of both counts."""
    signs = know(test.features, bounds).signs
    rivals = []
    for name, columns in ((_RECENCY, RECENCY), (_RECENCY_AND_N, RECENCY_AND_N)):
        chances = fit_churn(learn, calibrate, bounds, columns).probabilities(signs[:, columns])
        rivals.append(_Rival(name, (chances, signs[:, RECENCY[0]]), chances, decides=True))
    return rivals


def _alive(calibrate: Snapshot, test: Snapshot, bounds: Bounds) -> tuple[_Rival, ...]:
    """One less the chance to be alive, brought to the chance to stop by a line in the logit; none if it has no fit."""
    from scipy.special import expit

    try:
        model = fit_bgnbd(*_summaries(calibrate.features))
    except NotEnoughData:
        return ()
    before = _log_odds(1 - model.probability_alive(*_summaries(calibrate.features)))
    now = _log_odds(1 - model.probability_alive(*_summaries(test.features)))
    known = know(calibrate.features, bounds)
    slope, level = platt(before, outcomes_of(calibrate, known.churn_days))
    return (_Rival(_ALIVE, (now,), expit(slope * now + level), decides=False),)


def _summaries(features: pd.DataFrame) -> tuple[Floats, Floats, Floats]:
    """(frequency, recency, age), of days with purchases and in weeks."""
    import numpy as np

    recency = (features["last_on"] - features["first_on"]).dt.days.to_numpy(np.float64) / _WEEK
    age = (features["as_of"] - features["first_on"]).dt.days.to_numpy(np.float64) / _WEEK
    return features["purchase_days"].to_numpy(np.float64) - 1, recency, age


def _log_odds(chances: Floats) -> Floats:
    import numpy as np
    from scipy.special import logit

    odds: Floats = logit(np.clip(chances, 1e-6, 1 - 1e-6))
    return odds
