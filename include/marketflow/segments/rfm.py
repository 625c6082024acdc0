"""RFM: scores by SQL over core, named segments, and how well the scores foresee who buys next.

Recency, frequency and monetary value as in Hughes, "Strategic Database Marketing" (1994). Scores are fifths of ranks,
or lie between fixed cuts; customers with the same value have the same score either way.
"""

from __future__ import annotations

import datetime as dt
import time
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import psycopg

from marketflow.segments.rules import Cuts, load_cuts, load_segments, segment_of_triples
from marketflow.segments.summaries import TABLE, keep_summaries, set_summaries_aside, summaries_shown
from marketflow.shared import Clock, DefinitionError
from marketflow.warehouse import (
    ModelRun,
    ModelSummary,
    Outcome,
    Score,
    Verdict,
    finish_run,
    load_transforms,
    lock_job,
    queries,
    run_steps,
    start_run,
)

MODEL = "rfm"
HORIZON_DAYS = 28
SCORINGS = ("quantile", "cuts")
_BASELINE = "recency alone"
_TABLES = (TABLE, "models.rfm")
_WORK_MEM = "128MB"  # sorting what a million customers have paid at once instead of in pieces on disk


@dataclass(frozen=True, kw_only=True)
class SegmentSummary(ModelSummary):
    """A run of RFM, with the number of customers by segment."""

    segments: dict[str, int]


def segment_customers(
    conn: psycopg.Connection,
    *,
    clock: Clock,
    as_of: dt.date | None = None,
    window_days: int = 365,
    scoring: str = "quantile",
    is_test: bool = False,
) -> SegmentSummary:
    """Score every customer with an order in the `window_days` up to `as_of` (default: the business day).

    scoring: by `quantile`, fifths of the customers, or by `cuts`, the fixed values of rfm_segments.yaml.

    Writes one versioned run, in one transaction. It is published if it is of the business day and not a test, better
    than its baseline or not: it describes what customers did. `metrics` holds the AUC of the sum of scores for "buys in
    the next 28 days", learnt 28 days earlier, and `baseline` that of recency alone; the run's verdict says which is
    better. Raises DefinitionError for bad rules or cuts.
    """
    began = time.perf_counter()
    cuts = cuts_of(scoring)
    with conn.transaction():
        lock_job(conn, "segment_customers")
        _write_rules(conn)
        parameters = {"window_days": window_days, "scoring": scoring} | _as_parameters(cuts)
        run = start_run(
            conn, MODEL, clock=clock, as_of=as_of, parameters=parameters, window_days=window_days, is_test=is_test
        )
        score_customers(conn, run, window_days, clock, cuts=cuts)
        segments = {str(name): int(n) for name, n in conn.execute(queries("segments")["sizes"], {"run_id": run.run_id})}
        outcome = _backtest(conn, run, window_days, clock, cuts=cuts, segments=segments)
        verdict, metrics = _verdict(outcome), outcome.metrics()
        baseline = {"what": _BASELINE, "auc": outcome.scores[0].baseline_value}
        published = finish_run(
            conn, run, clock=clock, rows=outcome.rows, metrics=metrics, baseline=baseline, tables=_TABLES,
            verdict=verdict, seconds=time.perf_counter() - began,
        )  # fmt: skip
    return SegmentSummary(
        run_id=run.run_id, rows=outcome.rows, metrics=metrics, baseline=baseline, published=published,
        reason=verdict.reason, segments=segments,
    )  # fmt: skip


def cuts_of(scoring: str) -> Cuts | None:
    """The fixed cuts where they are asked for; None: scores are fifths of ranks. Raises DefinitionError for others."""
    if scoring not in SCORINGS:
        raise DefinitionError(f"scoring is {scoring!r}; it can be {' or '.join(SCORINGS)}")
    return load_cuts() if scoring == "cuts" else None


def _as_parameters(cuts: Cuts | None) -> dict[str, Any]:
    """For the book; a run of fifths has none."""
    return {} if cuts is None else {"cuts": cuts.model_dump(mode="json")}


def _verdict(outcome: Outcome) -> Verdict:
    """As the scores say; a run without a customer says why it is empty."""
    if not outcome.rows:
        return Verdict(reason="nobody has bought within the window")
    return outcome.verdict()


def _write_rules(conn: psycopg.Connection) -> None:
    """Bring models.rfm_segment_rules in line with the YAML file."""
    triples = segment_of_triples(load_segments())
    recency, frequency, monetary = (list(scores) for scores in zip(*triples, strict=True))
    values = {"recency": recency, "frequency": frequency, "monetary": monetary, "segments": list(triples.values())}
    conn.execute(queries("segments")["write_rules"], values)


def score_customers(
    conn: psycopg.Connection, run: ModelRun, window_days: int, clock: Clock, *, cuts: Cuts | None = None
) -> None:
    """Write the run's rows of models.rfm, in the caller's transaction; scores by `cuts`, or by fifths of ranks.

    The summaries of the business day are kept for the next one; those of another day or of a test serve this run only.
    """
    conn.execute(queries("builds")["memory"], {"work_mem": _WORK_MEM})
    aside = run.is_test or run.as_of != clock.business_date()
    if aside:
        set_summaries_aside(conn, as_of=run.as_of, window_days=window_days)
    else:
        keep_summaries(conn, clock=clock, as_of=run.as_of, window_days=window_days)
    transform, values = load_transforms()["models.rfm"], {"run_id": run.run_id, "as_of": run.as_of}
    if cuts is not None:
        transform = replace(transform, steps=transform.steps | {"bound": queries("segments")["bound_by_cuts"]})
        values |= {f"{name.removesuffix('_days')}_cuts": list(cut) for name, cut in cuts}
    with summaries_shown(conn, aside=aside):
        run_steps(conn, transform, values)


def _backtest(
    conn: psycopg.Connection,
    run: ModelRun,
    window_days: int,
    clock: Clock,
    *,
    cuts: Cuts | None,
    segments: dict[str, int],
) -> Outcome:
    """The same statements, run as of 28 days earlier, against who bought in those days; and the run's segments."""
    cut = run.as_of - dt.timedelta(days=HORIZON_DAYS)
    with conn.transaction(force_rollback=True):  # it measures, and leaves nothing
        past = start_run(conn, MODEL, clock=clock, as_of=cut, parameters={}, is_test=True)
        score_customers(conn, past, window_days, clock, cuts=cuts)
        values = {"run_id": past.run_id, "cut_on": cut, "until": run.as_of}
        found = conn.execute(queries("segments")["outcomes"], values).fetchall()
    rows = [(int(s), int(r), int(n), int(b)) for s, r, n, b in found]
    customers, buyers = sum(n for _, _, n, _ in rows), sum(b for *_, b in rows)
    split = {"learnt_until": cut.isoformat(), "horizon_days": HORIZON_DAYS, "customers": customers}
    score = Score(
        metric="auc",
        ours=_auc((score, n, b) for score, _, n, b in rows),
        baseline=_BASELINE,
        baseline_value=_auc((-days, n, b) for _, days, n, b in rows),
        split=f"learnt until {cut}, measured until {run.as_of}",
        higher_is_better=True,
    )
    facts = {"buyers": buyers, **split, "segments": segments}
    return Outcome(rows=sum(segments.values()), scores=(score,), facts=facts)


def _auc(groups: Iterable[tuple[int, int, int]]) -> float | None:
    """Area under the ROC curve of (score, customers, buyers) by group; None when everybody or nobody bought.

    The chance that a buyer has the higher score of a buyer and a non-buyer, equal scores counting half (Mann-Whitney).
    """
    counts: dict[int, list[int]] = defaultdict(lambda: [0, 0])
    for score, customers, buyers in groups:
        counts[score][0] += customers - buyers
        counts[score][1] += buyers
    below = doubled = 0
    for _, (others, buyers) in sorted(counts.items()):
        doubled += buyers * (2 * below + others)
        below += others
    pairs = below * sum(buyers for _, buyers in counts.values())
    return round(doubled / (2 * pairs), 4) if pairs else None
