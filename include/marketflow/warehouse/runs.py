"""The book of model runs: what ran on which data, how good it was, and which run the marts read."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql
from psycopg.types.json import Jsonb

from marketflow.shared import Clock, ConfigurationError
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
    reason: str | None = None


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """How a run did beside its baseline: better, not_better or not_measured, and why in words."""

    verdict: str = "not_measured"
    reason: str | None = None


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
    if day > clock.business_date():
        raise ConfigurationError(f"as of {day}: that is after the business day, {clock.business_date()}")
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
    verdict: Verdict = Verdict(),
    seconds: float | None = None,
    publish: bool = True,
) -> bool:
    """Close the run, and let the marts read it if it is of the business day, not a test, and has rows.

    publish: False keeps it from being read in any case. `tables` are those it wrote; their freshness moves with the
    published run. Gives whether it was published.
    """
    q = queries("runs")
    values = {"run_id": run.run_id, "rows": rows, "metrics": Jsonb(dict(metrics)), "baseline": Jsonb(dict(baseline))}
    judged = {"verdict": verdict.verdict, "reason": verdict.reason, "seconds": seconds}
    conn.execute(q["finish"], {**values, **judged, "now": clock.now()})
    if not publish or run.is_test or run.as_of != clock.business_date() or not rows:
        return False
    conn.execute(q["publish"], {"model": run.model, "run_id": run.run_id, "now": clock.now()})
    for table in tables:
        # of the run's own table its rows are those that count, and not those of all runs
        known = rows if table == f"models.{run.model}" else None
        note_freshness(conn, table, now=clock.now(), data_as_of=run.data_to, rows=known)
    conn.execute(queries("warehouse")["lock_changes"])
    record_changes(conn, "model", [run.model], clock.now())
    return True


def refuse_run(conn: psycopg.Connection, run: ModelRun, *, clock: Clock, reason: str, seconds: float) -> None:
    """Close a run for which there is too little to go by; what was published before stays."""
    values = {"run_id": run.run_id, "reason": reason, "seconds": seconds, "now": clock.now()}
    conn.execute(queries("runs")["refuse"], values)


def drop_old_runs(conn: psycopg.Connection, clock: Clock, keep_days: int) -> dict[str, int]:
    """Drop the rows of runs that are not published: replaced by a later one of the same day, or over `keep_days` old.

    The runs that an upgrade found in one table go together. What the book says of them stays. Each drop commits; where
    the table is being read the whole time, the next night does it. Returns how many were dropped, and how many are
    `left`.
    """
    q = queries("runs")
    conn.commit()
    found = conn.execute(q["partitions_to_drop"], {"before": clock.now() - dt.timedelta(days=keep_days)}).fetchall()
    conn.commit()
    done = {"dropped": 0, "left": 0}
    for part, run_id in found:
        try:
            with conn.transaction():
                conn.execute(q["patience"])
                conn.execute(q["forget_details"], {"run_id": run_id})
                conn.execute(sql.SQL("DROP TABLE {}").format(sql.Identifier("models", part)))
            done["dropped"] += 1
        except psycopg.errors.LockNotAvailable:
            done["left"] += 1
    return done
