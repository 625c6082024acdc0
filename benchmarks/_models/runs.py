"""Which models run on which data, and what each says of itself, as rows of the evaluation."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from benchmarks._models.data import DATA, JOURNEY, SAMPLE, SHOP, Data
from marketflow import predictions, segments
from marketflow.warehouse import connect

if TYPE_CHECKING:
    from marketflow.warehouse import ModelSummary

Door = Callable[..., "ModelSummary"]


@dataclass(frozen=True, kw_only=True)
class Trial:
    """A model's run on a data set, and what it is told."""

    data: Data
    model: str
    door: Door
    asked: dict[str, Any]
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class Row:
    """One figure beside a baseline's. `better`: None where it was not measured; `decides`: publishing hangs on it."""

    data: str
    model: str
    split: str
    metric: str
    baseline: str
    baseline_value: float | None
    ours: float | None
    seed: int | None
    better: bool | None
    decides: bool


# Fader, Hardie and Lee (2005), "Counting your customers" the easy way; Fader and Hardie (2013), the Gamma-Gamma model
PUBLISHED = {"r": 0.243, "alpha": 4.414, "a": 0.793, "b": 2.426, "p": 6.25, "q": 3.74, "gamma": 15.44}


def trials() -> list[Trial]:
    """In the order in which they run: segments first, since others look at them."""
    found = []
    for data in DATA:
        found += [
            Trial(data=data, model="rfm", door=segments.segment_customers, asked={}),
            Trial(data=data, model="clusters", door=segments.cluster_customers, asked={}),
            *_values(data),
            Trial(data=data, model="churn_risks", door=predictions.foresee_churn, asked={}),
            Trial(data=data, model="next_orders", door=predictions.foresee_next_orders, asked={}),
            Trial(data=data, model="send_times", door=predictions.find_send_times, asked={}),
            Trial(data=data, model="sales_forecasts", door=predictions.forecast_sales, asked={"country": SHOP.country}),
        ]
    return found


def _values(data: Data) -> Iterator[Trial]:
    # 273 days are the 39 weeks of the holdout in Fader, Hardie and Lee (2005)
    for days in (28, 90) if data is JOURNEY else (273,):
        yield Trial(
            data=data, model="customer_values", door=predictions.value_customers, asked={"horizon_days": days},
            note=f", {days} days ahead",
        )  # fmt: skip


def run(trial: Trial, dsn: str) -> list[Row]:
    """Run it, and say what it says of itself; a refused run is one row without figures."""
    began = time.perf_counter()
    with connect(dsn) as conn:
        summary = trial.door(conn, clock=trial.data.clock, **trial.asked)
        conn.commit()
        if trial.model == "rfm":
            segments.remember_segments(conn, clock=trial.data.clock)
    took = time.perf_counter() - began
    told = "published" if summary.published else f"not published: {summary.reason}"
    print(f"{trial.data.name}: {trial.model}{trial.note}, {summary.rows:,} rows in {took:.1f} s, {told}", flush=True)
    named = {"data": trial.data.name, "model": trial.model + trial.note}
    if not summary.metrics:
        return [Row(
            **named, split=summary.reason or "", metric="refused", baseline="", baseline_value=None, ours=None,
            seed=None, better=None, decides=True,
        )]  # fmt: skip
    wanted = Row.__dataclass_fields__.keys()
    rows = [Row(**named, **{k: v for k, v in s.items() if k in wanted}) for s in summary.metrics["scores"]]
    return rows + list(_aims(trial, named, summary.metrics, rows[0].split))


def _aims(trial: Trial, named: dict[str, str], metrics: dict[str, Any], split: str) -> Iterator[Row]:
    """Figures that are to be like another one, rather than better: coverage, calibration, published parameters."""

    def aim(metric: str, what: str, wanted: float, ours: float | None) -> Row:
        return Row(
            **named, split=split, metric=metric, baseline=what, baseline_value=wanted, ours=ours, seed=None,
            better=None, decides=False,
        )  # fmt: skip

    if trial.model in ("next_orders", "sales_forecasts"):
        yield aim("coverage", "what the interval means", 0.8, metrics["coverage"])
    if trial.model == "churn_risks":
        yield aim("calibration_error", "perfect", 0.0, metrics["calibration_error"])
    if trial.model == "customer_values" and trial.data is SAMPLE:
        backtest = metrics["backtest"]
        for name, value in PUBLISHED.items():
            group = backtest["bgnbd"]["all"] if name in ("r", "alpha", "a", "b") else backtest["gamma_gamma"]
            yield aim(f"parameter {name}", "published", value, group[name])


def as_json(rows: list[Row]) -> list[dict[str, Any]]:
    """Rows as var/evaluate/latest.json has them."""
    return [asdict(row) for row in rows]
