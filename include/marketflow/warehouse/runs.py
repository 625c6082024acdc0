"""The book of model runs: what ran on which data, how good it was, and which run the marts read."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg.types.json import Jsonb

from marketflow.shared import Clock
from marketflow.warehouse.builds import data_as_of
from marketflow.warehouse.changes import record_changes
from marketflow.warehouse.queries import queries
from marketflow.warehouse.transforms import note_freshness


@dataclass(frozen=True, kw_only=True)
class ModelRun:
    """A run that has been started: its number, the day it looks from, and the last day it has data of."""

    run_id: int
    model: str
    as_of: dt.date
    data_to: dt.date | None
    is_test: bool


@dataclass(frozen=True, kw_only=True)
class ModelSummary:
    """What a model run did. `metrics` and `baseline` are measured on the same temporal split."""

    run_id: int
    rows: int
    metrics: dict[str, Any]
    baseline: dict[str, Any]
    published: bool


def start_run(
    conn: psycopg.Connection,
    model: str,
    *,
    clock: Clock,
    as_of: dt.date | None,
    parameters: Mapping[str, Any],
    window_days: int | None = None,
    is_test: bool = False,
) -> ModelRun:
    """Enter a run into the book, in the caller's transaction. `as_of` None is the business day."""
    day = as_of or clock.business_date()
    newest = data_as_of(conn, clock)
    data_to = min(day, newest) if newest else None
    values = {
        "model": model,
        "as_of": day,
        "data_from": day - dt.timedelta(days=window_days - 1) if window_days else None,
        "data_to": data_to,
        "now": clock.now(),
        "parameters": Jsonb(dict(parameters)),
        "is_test": is_test,
    }
    row = conn.execute(queries("runs")["start"], values).fetchone()
    assert row is not None  # RETURNING gives the row
    return ModelRun(run_id=int(row[0]), model=model, as_of=day, data_to=data_to, is_test=is_test)


def finish_run(
    conn: psycopg.Connection,
    run: ModelRun,
    *,
    clock: Clock,
    rows: int,
    metrics: Mapping[str, Any],
    baseline: Mapping[str, Any],
    tables: tuple[str, ...],
) -> bool:
    """Close the run, and let the marts read it if it is of the business day, not a test, and has rows.

    `tables` are those it wrote; their freshness moves with the published run. Gives whether it was published.
    """
    q = queries("runs")
    values = {"run_id": run.run_id, "rows": rows, "metrics": Jsonb(dict(metrics)), "baseline": Jsonb(dict(baseline))}
    conn.execute(q["finish"], {**values, "now": clock.now()})
    if run.is_test or run.as_of != clock.business_date() or not rows:
        return False
    conn.execute(q["publish"], {"model": run.model, "run_id": run.run_id, "now": clock.now()})
    for table in tables:
        note_freshness(conn, table, now=clock.now(), data_as_of=run.data_to)
    conn.execute(queries("warehouse")["lock_changes"])
    record_changes(conn, "model", [run.model], clock.now())
    return True
