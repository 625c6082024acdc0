"""A run of next orders: learn on past days, measure beside own mean gaps, foresee for every live customer."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import psycopg

from marketflow.predictions.customers.cuts import plan_cuts
from marketflow.predictions.customers.features import Reading, read_features, read_span, sample_of
from marketflow.predictions.customers.rhythm import rhythm_of
from marketflow.predictions.customers.snapshots import Snapshots
from marketflow.predictions.next_order.model import Foreseen, NextOrderModel
from marketflow.predictions.next_order.scores import learn_next_orders, measure_next_orders, next_order_signs
from marketflow.shared import Clock, NotEnoughData
from marketflow.warehouse import ModelRun, ModelSummary, Outcome, copy_frame, run_model

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

MODEL = "next_orders"
CUSTOMERS_PER_CUT = 30_000
_AT_A_TIME = 100_000


def foresee_next_orders(
    conn: psycopg.Connection,
    *,
    clock: Clock,
    as_of: dt.date | None = None,
    horizon_days: int = 90,
    window_days: int = 365,
    is_test: bool = False,
) -> ModelSummary:
    """When each customer will order next, as of `as_of` (the business day): the median day and an 80 % interval.

    Customers: the live ones with a purchase in the `window_days`. expected_on is null where no order is expected within
    `horizon_days`, latest_on where the interval ends later than that; earliest_on is a day after the horizon where even
    the early end is later. It is published if the mean absolute error in days (waits cut off at the horizon), on the
    latest day whose outcomes are known, is less than those of the last order plus the own mean gap, and of everybody's
    median wait.
    """
    if horizon_days < 1:
        raise ValueError(f"horizon_days must be at least 1: {horizon_days}")

    def work(run: ModelRun) -> Outcome:
        return _work(conn, run, horizon_days, window_days)

    parameters = {"horizon_days": horizon_days, "window_days": window_days}
    return run_model(
        conn, MODEL, work, clock=clock, as_of=as_of, parameters=parameters, window_days=window_days, is_test=is_test
    )


def _work(conn: psycopg.Connection, run: ModelRun, horizon_days: int, window_days: int) -> Outcome:
    span = read_span(conn, run.as_of)
    cuts = plan_cuts(first_on=span.first_on, last_on=span.last_on, as_of=run.as_of, horizon_days=horizon_days)
    reading = Reading(window_days=window_days, sample_of=sample_of(span.customers, CUSTOMERS_PER_CUT))
    snapshots = Snapshots(conn, reading, horizon_days)
    model = learn_next_orders(*snapshots.of(cuts.final), horizon_days)
    scores, facts = measure_next_orders(snapshots, cuts, horizon_days)
    del snapshots
    features = read_features(conn, run.as_of, Reading(window_days=window_days))
    if features.empty:
        raise NotEnoughData(f"no customer has bought anything in the {window_days} days until {run.as_of}")
    own = _write(conn, run, features, model)
    learning = {"learning": cuts.final.words(), "learnt_from_one_of": reading.sample_of}
    return Outcome(rows=len(features), scores=scores, facts=facts | own | learning)


def _write(conn: psycopg.Connection, run: ModelRun, features: pd.DataFrame, model: NextOrderModel) -> dict[str, Any]:
    """Write the rows, in parts that bound the memory; gives what is to be told of all customers."""
    rhythm = rhythm_of(features)
    expected = bounded = 0
    for start in range(0, len(features), _AT_A_TIME):
        rows = slice(start, start + _AT_A_TIME)
        part = features.iloc[rows]
        frame = _rows(part, model.foresee(next_order_signs(part, rhythm.part(rows))))
        expected, bounded = expected + int(frame["expected_on"].count()), bounded + int(frame["latest_on"].count())
        copy_frame(conn, "models.next_orders", frame.assign(run_id=run.run_id))
    shares = {"expected_share": expected / len(features), "bounded_share": bounded / len(features)}
    return shares | {"margins": model.margins_by_kind()}


def _rows(features: pd.DataFrame, foreseen: Foreseen) -> pd.DataFrame:
    """Rows of models.next_orders without the run."""
    import pandas as pd

    return pd.DataFrame(
        {
            "customer_id": features["customer_id"].to_numpy(),
            "expected_on": _dates(features, foreseen.expected),
            "earliest_on": _dates(features, foreseen.earliest),
            "latest_on": _dates(features, foreseen.latest),
        }
    )


def _dates(features: pd.DataFrame, days: NDArray[np.float64]) -> pd.Series:
    """Days after the features' day, as dates; none for inf."""
    import numpy as np
    import pandas as pd

    known = np.isfinite(days)
    dates = features["as_of"].to_numpy().astype("datetime64[D]") + np.where(known, days, 0).astype("timedelta64[D]")
    dates[~known] = np.datetime64("NaT")
    return pd.Series(dates)
