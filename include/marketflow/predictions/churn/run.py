"""A run of churn: learn on past days, measure beside recency alone, foresee for every live customer, say why."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import psycopg

from marketflow.predictions.churn.additive import AdditiveModel
from marketflow.predictions.churn.model import Bounds, fit_churn, know
from marketflow.predictions.churn.reasons import Customers, Typical, as_arrays, reasons_of, typical_of
from marketflow.predictions.churn.scores import measure_churn
from marketflow.predictions.customers.cuts import plan_cuts
from marketflow.predictions.customers.features import Reading, read_features, read_span, sample_of
from marketflow.predictions.customers.rhythm import Rhythm, rhythm_of
from marketflow.predictions.customers.snapshots import Snapshots
from marketflow.shared import Clock, NotEnoughData
from marketflow.warehouse import ModelRun, ModelSummary, Outcome, copy_frame, run_model

if TYPE_CHECKING:
    import pandas as pd

MODEL = "churn_risks"
CUSTOMERS_PER_CUT = 50_000
_AT_A_TIME = 100_000


def foresee_churn(
    conn: psycopg.Connection,
    *,
    clock: Clock,
    as_of: dt.date | None = None,
    window_days: int = 365,
    shortest_days: int = 7,
    longest_days: int = 90,
    is_test: bool = False,
) -> ModelSummary:
    """The chance that each customer buys nothing in the next N days, with reasons, as of `as_of` (the business day).

    Customers: the live ones with a purchase in the `window_days`. N, `churn_days`, is each one's own, from
    `shortest_days` to `longest_days`: see Rhythm.churn_days. It is published if its AUC and its Brier score, on the
    latest day whose outcomes are known, are better than those of recency alone, learnt and calibrated the same way.
    """
    bounds = Bounds(shortest_days, longest_days)

    def work(run: ModelRun) -> Outcome:
        return _work(conn, run, window_days, bounds)

    parameters = {"window_days": window_days, "shortest_days": shortest_days, "longest_days": longest_days}
    return run_model(
        conn, MODEL, work, clock=clock, as_of=as_of, parameters=parameters, window_days=window_days, is_test=is_test
    )


def _work(conn: psycopg.Connection, run: ModelRun, window_days: int, bounds: Bounds) -> Outcome:
    span = read_span(conn, run.as_of)
    cuts = plan_cuts(first_on=span.first_on, last_on=span.last_on, as_of=run.as_of, horizon_days=bounds.longest)
    reading = Reading(window_days=window_days, sample_of=sample_of(span.customers, CUSTOMERS_PER_CUT))
    snapshots = Snapshots(conn, reading, bounds.longest)
    model = fit_churn(*snapshots.of(cuts.final), bounds)
    scores, facts = measure_churn(snapshots, cuts, bounds)
    del snapshots
    features = read_features(conn, run.as_of, Reading(window_days=window_days))
    if features.empty:
        raise NotEnoughData(f"no customer has bought anything in the {window_days} days until {run.as_of}")
    own = _write(conn, run, features, model, bounds)
    learning = {"learning": cuts.final.words(), "learnt_from_one_of": reading.sample_of}
    return Outcome(rows=len(features), scores=scores, facts=facts | own | learning)


def _write(
    conn: psycopg.Connection, run: ModelRun, features: pd.DataFrame, model: AdditiveModel, bounds: Bounds
) -> dict[str, Any]:
    """Write the rows, in parts that bound the memory; gives what is to be told of all customers."""
    import numpy as np

    rhythm = rhythm_of(features)
    typical = typical_of(features, rhythm)
    total, days = 0.0, []
    for start in range(0, len(features), _AT_A_TIME):
        rows = slice(start, start + _AT_A_TIME)
        frame = _foresee(features.iloc[rows], rhythm.part(rows), model, bounds, typical)
        total += float(frame["churn_probability"].sum())
        days.append(frame["churn_days"].to_numpy())
        copy_frame(conn, "models.churn_risks", frame.assign(run_id=run.run_id))
    middle = np.quantile(np.concatenate(days), (0.1, 0.5, 0.9)).tolist()
    return {"mean_probability": total / len(features), "churn_days_10_50_90": middle}


def _foresee(
    features: pd.DataFrame, rhythm: Rhythm, model: AdditiveModel, bounds: Bounds, typical: Typical
) -> pd.DataFrame:
    """Rows of models.churn_risks without the run."""
    import pandas as pd

    known = know(features, bounds, rhythm)
    reasons = reasons_of(Customers(features, rhythm, typical), model.contributions(known.signs))
    return pd.DataFrame(
        {
            "customer_id": features["customer_id"].to_numpy(),
            "churn_days": known.churn_days,
            "churn_probability": model.probabilities(known.signs),
            "reasons": as_arrays(reasons),
        }
    )
