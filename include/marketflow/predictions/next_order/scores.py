"""How good expected dates and intervals are: on the latest day with known outcomes, beside simpler ways to tell."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from marketflow.predictions.customers.cuts import Cuts
from marketflow.predictions.customers.features import SEED
from marketflow.predictions.customers.rhythm import Rhythm, rhythm_of
from marketflow.predictions.customers.signs import signs_of
from marketflow.predictions.customers.snapshots import Snapshot, Snapshots
from marketflow.predictions.next_order.model import (
    COVERAGE,
    Foreseen,
    NextOrderModel,
    covered,
    cut_off,
    fit_next_orders,
)
from marketflow.shared import NotEnoughData
from marketflow.warehouse import Score

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

CHURN_DAYS = (7, 90)
_OWN_GAP, _EVERYBODY, _RAW = "last order plus own mean gap", "everybody's median wait", "quantiles before calibration"


def next_order_signs(features: pd.DataFrame, rhythm: Rhythm | None = None) -> Floats:
    """(customers, signs), see signs_of. A part of the customers needs their `rhythm`."""
    rhythm = rhythm or rhythm_of(features)
    return signs_of(features, rhythm, rhythm.churn_days(*CHURN_DAYS))


def learn_next_orders(learn: Sequence[Snapshot], calibrate: Snapshot, horizon_days: int) -> NextOrderModel:
    """Learnt on the first, calibrated on the last. Raises NotEnoughData as fit_next_orders does."""
    import numpy as np

    signs = np.vstack([next_order_signs(s.features) for s in learn])
    model = fit_next_orders(signs, np.concatenate([s.days_to_next for s in learn]), horizon_days)
    return model.calibrated(next_order_signs(calibrate.features), calibrate.days_to_next)


def own_mean_gap(features: pd.DataFrame, horizon_days: int) -> Floats:
    """The baseline: days until the last order plus the own mean gap, tomorrow where that is over; (customers,).

    Who bought once has everybody's gap: all days between first and last purchases over all gaps; the horizon, if there
    is none.
    """
    import numpy as np

    between = (features["last_on"] - features["first_on"]).dt.days.to_numpy(np.float64)
    away = (features["as_of"] - features["last_on"]).dt.days.to_numpy(np.float64)
    gaps = features["purchase_days"].to_numpy(np.float64) - 1
    everybody = between.sum() / gaps.sum() if gaps.sum() else float(horizon_days)
    own = np.divide(between, gaps, out=np.full(len(gaps), everybody), where=gaps > 0)
    days: Floats = np.maximum(np.round(own - away), 1.0)
    return days


def measure_next_orders(
    snapshots: Snapshots, cuts: Cuts, horizon_days: int
) -> tuple[tuple[Score, ...], dict[str, Any]]:
    """(scores, facts) of the procedure, learnt with outcomes until the test day and measured on those after it."""
    if cuts.trial is None:
        return _unmeasured(cuts.split()), {"coverage": None}
    learn, calibrate = snapshots.of(cuts.trial)
    test = snapshots.at(cuts.test)
    try:
        model = learn_next_orders(learn, calibrate, horizon_days)
    except NotEnoughData as why:
        return _unmeasured(f"not measured: {why}"), {"coverage": None}
    if not len(test):
        return _unmeasured(f"not measured: no customer as of {cuts.test}"), {"coverage": None}
    return _judge(model, calibrate, test, cuts.split())


def _judge(
    model: NextOrderModel, calibrate: Snapshot, test: Snapshot, split: str
) -> tuple[tuple[Score, ...], dict[str, Any]]:
    import numpy as np

    horizon, signs = model.horizon_days, next_order_signs(test.features)
    waits = cut_off(test.days_to_next, horizon)
    foreseen, raw = model.foresee(signs), NextOrderModel(model.regressions, horizon).foresee(signs)
    everybody = np.full(len(waits), np.median(cut_off(calibrate.days_to_next, horizon)))
    own_gap = own_mean_gap(test.features, horizon)
    ours = _mae(foreseen.expected, waits, horizon)
    share = float(covered(foreseen, waits).mean())
    scores = (
        _score("mae_days", split, ours, _OWN_GAP, _mae(own_gap, waits, horizon)),
        _score("mae_days", split, ours, _EVERYBODY, _mae(everybody, waits, horizon)),
        _score("coverage_off_by", split, abs(share - COVERAGE), _RAW,
               abs(float(covered(raw, waits).mean()) - COVERAGE), decides=False),
    )  # fmt: skip
    return scores, {"coverage": share, "aimed_coverage": COVERAGE} | _facts(foreseen, waits, horizon)


def _facts(foreseen: Foreseen, waits: Floats, horizon_days: int) -> dict[str, Any]:
    import numpy as np

    ends = np.isfinite(foreseen.latest)
    return {
        "came_before": float((waits < foreseen.earliest).mean()),
        "came_after": float((waits > foreseen.latest).mean()),
        "interval_days": float((foreseen.latest - foreseen.earliest + 1)[ends].mean()) if ends.any() else None,
        "bounded_tested_share": float(ends.mean()),
        "tested_customers": len(waits),
        "none_within_horizon": float((waits > horizon_days).mean()),
    }


def _mae(expected: Floats, waits: Floats, horizon_days: int) -> float:
    """Mean absolute error in days; both are cut off at the horizon."""
    import numpy as np

    return float(np.abs(np.minimum(expected, horizon_days) - np.minimum(waits, horizon_days)).mean())


def _score(
    metric: str, split: str, ours: float | None, baseline: str, value: float | None, *, decides: bool = True
) -> Score:
    return Score(
        metric=metric, ours=ours, baseline=baseline, baseline_value=value, split=split, higher_is_better=False,
        seed=SEED, decides=decides,
    )  # fmt: skip


def _unmeasured(split: str) -> tuple[Score, ...]:
    return (_score("mae_days", split, None, _OWN_GAP, None), _score("mae_days", split, None, _EVERYBODY, None))
