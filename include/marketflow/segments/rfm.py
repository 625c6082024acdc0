"""RFM: scores by SQL over core, named segments, and how well the scores foresee who buys next.

Recency, frequency and monetary value as in Hughes, "Strategic Database Marketing" (1994); scores are fifths of ranks.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import psycopg

from marketflow.segments.rules import load_segments, segment_of_triples
from marketflow.segments.summaries import TABLE, keep_summaries, set_summaries_aside, summaries_shown
from marketflow.shared import Clock
from marketflow.warehouse import (
    ModelRun,
    ModelSummary,
    finish_run,
    load_transforms,
    lock_job,
    queries,
    run_steps,
    start_run,
)

MODEL = "rfm"
HORIZON_DAYS = 28
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
    is_test: bool = False,
) -> SegmentSummary:
    """Score every customer with an order in the `window_days` up to `as_of` (default: the business day).

    Writes one versioned run, in one transaction. It is published if it is of the business day and not a test.
    `metrics` holds the AUC of the sum of scores for "buys in the next 28 days", learnt 28 days earlier, and
    `baseline` that of recency alone.
    """
    with conn.transaction():
        lock_job(conn, "segment_customers")
        _write_rules(conn)
        parameters = {"window_days": window_days}
        run = start_run(
            conn, MODEL, clock=clock, as_of=as_of, parameters=parameters, window_days=window_days, is_test=is_test
        )
        score_customers(conn, run, window_days, clock)
        segments = {str(name): int(n) for name, n in conn.execute(queries("segments")["sizes"], {"run_id": run.run_id})}
        metrics, baseline = _backtest(conn, run, window_days, clock)
        rows = sum(segments.values())
        metrics |= {"segments": segments}
        published = finish_run(conn, run, clock=clock, rows=rows, metrics=metrics, baseline=baseline, tables=_TABLES)
    return SegmentSummary(
        run_id=run.run_id, rows=rows, metrics=metrics, baseline=baseline, published=published, segments=segments
    )


def _write_rules(conn: psycopg.Connection) -> None:
    """Bring models.rfm_segment_rules in line with the YAML file."""
    triples = segment_of_triples(load_segments())
    recency, frequency, monetary = (list(scores) for scores in zip(*triples, strict=True))
    values = {"recency": recency, "frequency": frequency, "monetary": monetary, "segments": list(triples.values())}
    conn.execute(queries("segments")["write_rules"], values)


def score_customers(conn: psycopg.Connection, run: ModelRun, window_days: int, clock: Clock) -> None:
    """Write the run's rows of models.rfm, in the caller's transaction.

    The summaries of the business day are kept for the next one; those of another day or of a test serve this run only.
    """
    conn.execute(queries("builds")["memory"], {"work_mem": _WORK_MEM})
    aside = run.is_test or run.as_of != clock.business_date()
    if aside:
        set_summaries_aside(conn, as_of=run.as_of, window_days=window_days)
    else:
        keep_summaries(conn, clock=clock, as_of=run.as_of, window_days=window_days)
    with summaries_shown(conn, aside=aside):
        run_steps(conn, load_transforms()["models.rfm"], {"run_id": run.run_id, "as_of": run.as_of})


def _backtest(
    conn: psycopg.Connection, run: ModelRun, window_days: int, clock: Clock
) -> tuple[dict[str, Any], dict[str, Any]]:
    """(metrics, baseline) of the same statements, run as of 28 days earlier, against who bought in those days."""
    cut = run.as_of - dt.timedelta(days=HORIZON_DAYS)
    with conn.transaction(force_rollback=True):  # it measures, and leaves nothing
        past = start_run(conn, MODEL, clock=clock, as_of=cut, parameters={}, is_test=True)
        score_customers(conn, past, window_days, clock)
        values = {"run_id": past.run_id, "cut_on": cut, "until": run.as_of}
        found = conn.execute(queries("segments")["outcomes"], values).fetchall()
    rows = [(int(s), int(r), int(n), int(b)) for s, r, n, b in found]
    customers, buyers = sum(n for _, _, n, _ in rows), sum(b for *_, b in rows)
    split = {"learnt_until": cut.isoformat(), "horizon_days": HORIZON_DAYS, "customers": customers}
    metrics = {"auc": _auc((score, n, b) for score, _, n, b in rows), "buyers": buyers, **split}
    return metrics, {"what": "recency alone", "auc": _auc((-days, n, b) for _, days, n, b in rows)}


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
