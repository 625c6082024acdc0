"""How every model runs: entered into the book, measured beside its baseline, published only if it is better.

Outcome and Score are what a model gives back; `run_model` does the rest, in one transaction.
"""

from __future__ import annotations

import datetime as dt
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import psycopg

from marketflow.shared import Clock, NotEnoughData
from marketflow.warehouse.builds import lock_job
from marketflow.warehouse.queries import queries
from marketflow.warehouse.runs import ModelRun, ModelSummary, Verdict, finish_run, refuse_run, start_run

_LATE_DAYS = 7


@dataclass(frozen=True, kw_only=True)
class Score:
    """One figure beside a baseline's, both measured on the same data, which neither had seen.

    metric: such as `auc`. baseline: which simple rule. split: what was learnt from and measured on, in words.
    None: it could not be measured. decides: a model is published only if it is better in all scores that decide.
    or_equal: as good as the baseline counts as better, for "no worse than".
    """

    metric: str
    ours: float | None
    baseline: str
    baseline_value: float | None
    split: str
    higher_is_better: bool
    seed: int | None = None
    decides: bool = True
    or_equal: bool = False

    @property
    def better(self) -> bool | None:
        """None where it could not be measured."""
        if self.ours is None or self.baseline_value is None:
            return None
        if self.or_equal and self.ours == self.baseline_value:
            return True
        return self.ours > self.baseline_value if self.higher_is_better else self.ours < self.baseline_value

    def words(self) -> str:
        """Both figures, for people."""
        return f"{self.metric} {_short(self.ours)}, {self.baseline} {_short(self.baseline_value)}"


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What a model did: the rows that it wrote, how good they are, and what else is worth knowing (JSON).

    by_rule: the rows follow a plain rule, and nothing was learnt for them; they are published without being measured.
    """

    rows: int
    scores: tuple[Score, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)
    by_rule: bool = False

    def verdict(self) -> Verdict:
        """Better in all scores that decide, or not in one, or not measured."""
        deciding = [s for s in self.scores if s.decides]
        if worse := [s for s in deciding if s.better is False]:
            words = "; ".join(s.words() for s in worse)
            return Verdict(verdict="not_better", reason=f"not better than the baseline: {words}")
        if not deciding or any(s.better is None for s in deciding):
            return Verdict(verdict="not_measured", reason="there is too little history to measure it on")
        return Verdict(verdict="better", reason=None)

    def metrics(self) -> dict[str, Any]:
        """As the book has it: facts, each metric by name, and all scores."""
        scores = [{**asdict(s), "better": s.better} for s in self.scores]
        return _json({**self.facts, **{s.metric: s.ours for s in reversed(self.scores)}, "scores": scores})

    def baseline(self) -> dict[str, Any]:
        """The baselines' figures: by name and metric."""
        found: dict[str, Any] = {}
        for score in self.scores:
            found.setdefault(score.baseline, {})[score.metric] = score.baseline_value
        return _json(found)


def run_model(
    conn: psycopg.Connection,
    model: str,
    work: Callable[[ModelRun], Outcome],
    *,
    clock: Clock,
    parameters: Mapping[str, Any],
    as_of: dt.date | None = None,
    window_days: int | None = None,
    is_test: bool = False,
    late_data_too: bool = False,
    describes: bool = False,
) -> ModelSummary:
    """Do `work` as a run of `model`, one at a time, in one transaction.

    `work` writes the rows to models.<model>, whose partition for the run is there and empty, and gives an Outcome. If
    it raises NotEnoughData, what it wrote is undone, and the run is stored as refused with that reason. The run is
    published if it is of the business day, not a test, has rows, and is better than its baseline; or `describes` what
    happened, and foresees nothing that a baseline could foresee as well.

    Orders that stopped coming look like customers who stopped buying. A run is refused when the newest are older than
    the longest pause of the year before and a week, unless `work` knows what to do about it (`late_data_too`).
    """
    began = time.perf_counter()
    with conn.transaction():
        lock_job(conn, model)
        run = start_run(
            conn, model, clock=clock, as_of=as_of, parameters=parameters, window_days=window_days, is_test=is_test
        )
        try:
            with conn.transaction():
                if not late_data_too:
                    _refuse_late_data(conn, run)
                conn.execute("SELECT models.begin_run(%s, %s)", [model, run.run_id])
                outcome = work(run)
        except NotEnoughData as why:
            refuse_run(conn, run, clock=clock, reason=str(why), seconds=time.perf_counter() - began)
            return ModelSummary(run_id=run.run_id, rows=0, metrics={}, baseline={}, published=False, reason=str(why))
        verdict = Verdict() if describes and not outcome.scores else outcome.verdict()
        metrics, baseline = outcome.metrics(), outcome.baseline()
        published = finish_run(
            conn, run, clock=clock, rows=outcome.rows, metrics=metrics, baseline=baseline, verdict=verdict,
            tables=(f"models.{model}",), seconds=time.perf_counter() - began,
            publish=describes or outcome.by_rule or verdict.verdict == "better",
        )  # fmt: skip
    return ModelSummary(
        run_id=run.run_id, rows=outcome.rows, metrics=metrics, baseline=baseline, published=published,
        reason=verdict.reason,
    )  # fmt: skip


def _refuse_late_data(conn: psycopg.Connection, run: ModelRun) -> None:
    """Raises NotEnoughData where orders of the last days seem not to have been loaded."""
    if run.data_to is None:
        return  # there are none at all, which the model says in its own words
    row = conn.execute(queries("runs")["longest_pause"], {"until": run.data_to}).fetchone()
    pause = row[0] if row and row[0] else 0
    late = (run.as_of - run.data_to).days
    if late > pause + _LATE_DAYS:
        raise NotEnoughData(
            f"the newest orders are of {run.data_to}, {late} days before {run.as_of}: customers who buy nothing can't "
            "be told from orders that have not been loaded"
        )


def _short(value: float | None) -> str:
    return "-" if value is None else f"{value:.4g}"


def _json(values: Mapping[str, Any]) -> dict[str, Any]:
    return {str(key): _finite(value) for key, value in values.items()}


def _finite(value: Any) -> Any:
    """JSON without NaN and infinity, which PostgreSQL refuses: what has no value is null. Fractions to six digits."""
    if isinstance(value, Mapping):
        return _json(value)
    if isinstance(value, list | tuple):
        return [_finite(v) for v in value]
    if isinstance(value, float):
        return round(value, 6) if math.isfinite(value) else None
    return value
