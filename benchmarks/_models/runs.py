"""Which models run on which data, and what each says of itself, as rows of the evaluation."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from benchmarks._models.campaigns import campaign_rows
from benchmarks._models.data import DATA, JOURNEY, SAMPLE, SHOP, Data
from benchmarks._models.products import product_rows
from benchmarks._models.rows import Row
from marketflow import predictions, recommenders, segments
from marketflow.recommenders import campaigns
from marketflow.warehouse import connect

if TYPE_CHECKING:
    from marketflow.warehouse import ModelSummary

Door = Callable[..., "ModelSummary"]


@dataclass(frozen=True, kw_only=True)
class Trial:
    """A model's run on a data set, and what it is told.

    `study`: what is measured besides in the same warehouse, in rows of its own; of the run's figures only those that
    decide are then told.
    """

    data: Data
    model: str
    door: Door
    asked: dict[str, Any]
    note: str = ""
    study: Callable[[str], list[Row]] | None = None


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
            *(_recommenders() if data is JOURNEY else ()),
        ]
    return found


def _recommenders() -> Iterator[Trial]:
    """Of The Complete Journey only: CDNOW tells neither products nor campaigns."""
    doors: dict[str, tuple[Door, Callable[[str], list[Row]] | None]] = {
        "association_rules": (recommenders.mine_association_rules, None),
        "product_recommendations": (recommenders.recommend_products, product_rows),
        "related_products": (recommenders.relate_products, None),
        "campaign_recommendations": (campaigns.recommend_campaigns, campaign_rows),
    }
    for model, (door, study) in doors.items():
        yield Trial(data=JOURNEY, model=model, door=door, asked={}, study=study)


def _values(data: Data) -> Iterator[Trial]:
    # 273 days are the 39 weeks of the holdout in Fader, Hardie and Lee (2005)
    for days in (28, 90) if data is JOURNEY else (273,):
        yield Trial(
            data=data, model="customer_values", door=predictions.value_customers, asked={"horizon_days": days},
            note=f", {days} days ahead",
        )  # fmt: skip


def run(trial: Trial, dsn: str) -> list[Row]:
    """Run it, and say what it says of itself; a refused run is one row without figures.

    A run that describes and measures nothing has no rows.
    """
    began = time.perf_counter()
    with connect(dsn) as conn:
        summary = trial.door(conn, clock=trial.data.clock, **trial.asked)
        conn.commit()
        if trial.model == "rfm":
            segments.remember_segments(conn, clock=trial.data.clock)
    took = time.perf_counter() - began
    told = "published" if summary.published else f"not published: {summary.reason}"
    print(f"{trial.data.name}: {trial.model}{trial.note}, {summary.rows:,} rows in {took:.1f} s, {told}", flush=True)
    return told_by(trial, summary) + (trial.study(dsn) if trial.study else [])


def told_by(trial: Trial, summary: ModelSummary) -> list[Row]:
    """What the run says of itself."""
    named: dict[str, Any] = {"data": trial.data.name, "model": trial.model + trial.note}
    if not summary.metrics:
        return [Row(
            **named, split=summary.reason or "", metric="refused", baseline="", baseline_value=None, ours=None,
            seed=None, better=None, decides=True,
        )]  # fmt: skip
    wanted = Row.__dataclass_fields__.keys()
    scores = [Row(**named, **{k: v for k, v in s.items() if k in wanted}) for s in summary.metrics["scores"]]
    if trial.study is not None:
        return [row for row in scores if row.decides]
    return scores + (list(_aims(trial, named, summary.metrics, scores[0].split)) if scores else [])


def _aims(trial: Trial, named: dict[str, Any], metrics: dict[str, Any], split: str) -> Iterator[Row]:
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
