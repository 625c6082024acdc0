"""RFM: scores by SQL over core, named segments, and how well the scores foresee who buys next.

Recency, frequency and monetary value as in Hughes, "Strategic Database Marketing" (1994); scores are fifths of ranks.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

import psycopg

from marketflow.segments.rules import load_segments, segment_of_triples
from marketflow.shared import Clock
from marketflow.warehouse import (
    ModelRun,
    ModelSummary,
    finish_run,
    forget_run,
    load_transforms,
    lock_job,
    queries,
    run_steps,
    start_run,
)

MODEL = "rfm"
HORIZON_DAYS = 28
_TABLES = ("features.purchase_summaries", "models.rfm")


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
        _score(conn, run, window_days)
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


def _score(conn: psycopg.Connection, run: ModelRun, window_days: int) -> None:
    transforms = load_transforms()
    params = {"run_id": run.run_id, "as_of": run.as_of, "window_days": window_days}
    for table in _TABLES:
        run_steps(conn, transforms[table], params)


def _backtest(
    conn: psycopg.Connection, run: ModelRun, window_days: int, clock: Clock
) -> tuple[dict[str, Any], dict[str, Any]]:
    """(metrics, baseline) of the same statements, run as of 28 days earlier, against who bought in those days."""
    cut = run.as_of - dt.timedelta(days=HORIZON_DAYS)
    past = start_run(conn, MODEL, clock=clock, as_of=cut, parameters={}, is_test=True)
    _score(conn, past, window_days)
    values = {"run_id": past.run_id, "cut_on": cut, "until": run.as_of}
    rows = conn.execute(queries("segments")["outcomes"], values).fetchall()
    forget_run(conn, past)
    split = {"learnt_until": cut.isoformat(), "horizon_days": HORIZON_DAYS, "customers": len(rows)}
    bought = [bool(row[2]) for row in rows]
    metrics = {"auc": _auc(bought, [int(row[0]) for row in rows]), "buyers": sum(bought), **split}
    return metrics, {"what": "recency alone", "auc": _auc(bought, [-int(row[1]) for row in rows])}


def _auc(outcome: list[bool], score: list[int]) -> float | None:
    """Area under the ROC curve; None where it is not defined, because everybody or nobody bought."""
    from sklearn.metrics import roc_auc_score

    return round(float(roc_auc_score(outcome, score)), 4) if len(set(outcome)) == 2 else None
