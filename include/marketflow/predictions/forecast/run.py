"""The run: read what was sold, forecast every series, write rows and scores, and say how good that is."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import psycopg

from marketflow.predictions.forecast.calendar import holidays_of
from marketflow.predictions.forecast.intervals import LEVEL
from marketflow.predictions.forecast.methods import BASELINES, MIN_DAYS
from marketflow.predictions.forecast.one import PART, WHOLE, Forecast, forecast_series
from marketflow.predictions.forecast.series import MOST_DAYS, Series, keep_daily_sales, read_promotions, read_sales
from marketflow.shared import Clock, NotEnoughData
from marketflow.warehouse import ModelRun, ModelSummary, Outcome, Score, copy_frame, lock_job, queries, run_model

if TYPE_CHECKING:
    import pandas as pd

MODEL = "sales_forecasts"
_LONGEST = 365
_STALE_DAYS = 28


def forecast_sales(
    conn: psycopg.Connection,
    *,
    clock: Clock,
    country: str,
    as_of: dt.date | None = None,
    horizon_days: int = 28,
    is_test: bool = False,
) -> ModelSummary:
    """Forecast revenue by day, in all, by category and by segment, until `horizon_days` after `as_of`.

    country: whose public holidays count, ISO 3166. Writes models.sales_forecasts and models.forecast_scores as one run.
    It is published if the total's error (MASE over rolling origins) is no worse than that of the best, in hindsight, of
    seasonal naive, same-weekday mean, ETS and ARIMA. Raises ValueError for a horizon outside 1 to 365.
    """
    if not 1 <= horizon_days <= _LONGEST:
        raise ValueError(f"horizon_days: {horizon_days}; it must be between 1 and {_LONGEST}")

    with conn.transaction():  # of its own, so that a refusal does not undo it
        lock_job(conn, MODEL)
        written = keep_daily_sales(conn, clock=clock)

    def work(run: ModelRun) -> Outcome:
        for name, days in keep_daily_sales(conn, clock=clock).items():  # what came between the two transactions
            written[name] += days
        return _forecast(conn, run, country=country, horizon_days=horizon_days, clock=clock, written=written)

    parameters = {"horizon_days": horizon_days, "country": country, "interval": LEVEL}
    return run_model(
        conn, MODEL, work, clock=clock, as_of=as_of, parameters=parameters, is_test=is_test, late_data_too=True
    )  # it forecasts the days that are missing, too, and refuses when they are too many


def _forecast(
    conn: psycopg.Connection, run: ModelRun, *, clock: Clock, country: str, horizon_days: int, written: dict[str, int]
) -> Outcome:
    series = read_sales(conn, run.data_to) if run.data_to else []
    refused = {each.label: reason for each in series if (reason := each.missing())}
    total, last_on = _total_of(series, refused, run.as_of)
    horizon = (run.as_of - last_on).days + horizon_days
    holidays = holidays_of(country, total.first_on, last_on + dt.timedelta(days=horizon))
    promotions = read_promotions(conn, run.as_of, clock)
    found = [
        forecast_series(
            each, horizon, holidays=holidays, promotions=promotions, effort=WHOLE if each.kind == "total" else PART
        )
        for each in series
        if each.label not in refused
    ]
    rows = copy_frame(conn, f"models.{MODEL}", _rows(run, found, last_on))
    copy_frame(conn, "models.forecast_scores", _score_rows(run, found))
    whole = next(each for each in found if each.series.kind == "total")
    parts = [each for each in found if each.series.kind != "total"]
    facts = {
        **_facts(whole, parts),
        "refused": refused,
        "days_written": written,
        "holidays": len([day for day in holidays if total.first_on <= day <= last_on]),
        "promotions": len(promotions),
        "orders_without_a_rate": _without_rate(conn, last_on),
        "history_from": total.first_on.isoformat(),
        "history_to": last_on.isoformat(),
    }
    return Outcome(rows=rows, scores=(*_scores_of_total(whole), *_scores_of_parts(parts)), facts=facts)


def _total_of(series: Sequence[Series], refused: dict[str, str], as_of: dt.date) -> tuple[Series, dt.date]:
    """The total and its last day; raises NotEnoughData when it cannot be forecast."""
    total = next((each for each in series if each.kind == "total"), None)
    if total is None:
        raise NotEnoughData(f"no revenue until {as_of} that is known in the shop's own currency")
    last_on = total.first_on + dt.timedelta(days=len(total.values) - 1)
    if (as_of - last_on).days > _STALE_DAYS:
        raise NotEnoughData(f"the newest order is of {last_on}, {(as_of - last_on).days} days before {as_of}")
    if total.label in refused:
        raise NotEnoughData(f"total revenue: {refused[total.label]}")
    return total, last_on


def _rows(run: ModelRun, found: Sequence[Forecast], last_on: dt.date) -> pd.DataFrame:
    import numpy as np
    import pandas as pd

    def of(each: Forecast) -> pd.DataFrame:
        days = pd.date_range(last_on + dt.timedelta(days=1), periods=len(each.forecast), freq="D")
        columns = {"forecast": each.forecast, "low": each.low, "high": each.high}
        money = {name: np.round(values, 2) for name, values in columns.items()}
        keys = {"run_id": run.run_id, "series_kind": each.series.kind, "series": each.series.name}
        return pd.DataFrame({**keys, "sold_on": days.date, **money})

    return pd.concat([of(each) for each in found], ignore_index=True)


def _score_rows(run: ModelRun, found: Sequence[Forecast]) -> pd.DataFrame:
    import pandas as pd

    rows = [
        {
            "run_id": run.run_id,
            "series_kind": each.series.kind,
            "series": each.series.name,
            "method": score.method,
            "origins": origins,
            "origin_count": count,
            "mase": mase,
            "coverage": score.coverage if origins == "scoring" else None,
            "is_chosen": score.method == each.method,
        }
        for each in found
        if each.plan
        for score in each.scores
        for origins, count, mase in (
            ("selection", len(each.plan.selection), score.selection),
            ("scoring", len(each.plan.scoring), score.scoring),
        )
    ]
    columns = [
        "run_id", "series_kind", "series", "method", "origins", "origin_count", "mase", "coverage", "is_chosen",
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=columns).astype({"mase": float, "coverage": float})


def _split(whole: Forecast) -> str:
    plan = whole.plan
    if plan is None:
        return f"no origins: a history of {len(whole.series.values)} days is too short"
    (s1, s2), (t1, t2) = ((whole.origin_on(o[0]), whole.origin_on(o[-1])) for o in (plan.selection, plan.scoring))
    return (
        f"{plan.horizon} days ahead from each origin; chosen at {len(plan.selection)} origins from {s1} to {s2}, "
        f"measured at {len(plan.scoring)} from {t1} to {t2}"
    )


def _scores_of_total(whole: Forecast) -> list[Score]:
    """The chosen method beside the best of the four in hindsight, which decides, and beside each of them."""
    ours, split = whole.score(whole.method), _split(whole)
    values = {name: score.scoring if (score := whole.score(name)) else None for name in BASELINES}
    known = {name: value for name, value in values.items() if value is not None}
    best = min(known, key=known.__getitem__) if len(known) == len(values) else None
    value = ours.scoring if ours else None

    def beside(baseline: str, of: float | None, *, decides: bool) -> Score:
        return Score(
            metric="mase", ours=value, baseline=baseline, baseline_value=of, split=split, higher_is_better=False,
            decides=decides, or_equal=True,
        )  # fmt: skip

    words = f"best in hindsight of {', '.join(BASELINES)}"
    deciding = beside(words, values[best] if best else None, decides=True)
    return [deciding, *(beside(name, values[name], decides=False) for name in BASELINES)]


def _scores_of_parts(parts: Sequence[Forecast]) -> list[Score]:
    """Over categories and over segments: the mean of the chosen methods beside that of each simple method for all."""
    made: list[Score] = []
    for kind, words in (("category", "mase_categories"), ("segment", "mase_segments")):
        tried = [each for each in parts if each.series.kind == kind and _value(each, each.method) is not None]
        for baseline in (name for name in BASELINES if name in PART.methods):
            both = [
                (_value(each, each.method), _value(each, baseline))
                for each in tried
                if _value(each, baseline) is not None
            ]
            if both:
                ours, theirs = (sum(v or 0.0 for v in side) / len(both) for side in zip(*both, strict=True))
                split = f"the mean of {len(both)} series, each at its own origins as models.forecast_scores has them"
                made.append(Score(
                    metric=words, ours=ours, baseline=baseline, baseline_value=theirs, split=split,
                    higher_is_better=False, decides=False, or_equal=True,
                ))  # fmt: skip
    return made


def _value(each: Forecast, method: str) -> float | None:
    score = each.score(method)
    return score.scoring if score else None


def _facts(whole: Forecast, parts: Sequence[Forecast]) -> dict[str, Any]:
    """What is worth knowing beside the scores."""
    chosen = whole.score(whole.method)
    memories = [memory for each in (whole, *parts) for memory in each.memories.values()]
    held = [s.coverage for each in parts if (s := each.score(each.method)) and s.coverage is not None]
    return {
        "method": whole.method,
        "coverage": chosen.coverage if chosen else None,
        "coverage_wanted": LEVEL,
        "coverage_of_parts": sum(held) / len(held) if held else None,
        "weights": list(whole.weights),
        "arima_order": str(whole.memories["ARIMA"].order) if "ARIMA" in whole.memories else None,
        "methods": {each.series.label: each.method for each in parts},
        "fits_not_converged": sum(memory.unconverged for memory in memories),
        "fits_replaced": sum(memory.fallbacks for memory in memories),
        "days_needed": MIN_DAYS,
        "total_of_horizon": float(whole.forecast.sum()),
    }


def _without_rate(conn: psycopg.Connection, as_of: dt.date) -> int:
    values = {"as_of": as_of, "most_days": MOST_DAYS}
    row = conn.execute(queries("sales_forecasts")["without_rate"], values).fetchone()
    return int(row[0]) if row else 0
