"""How old the data are: tables against `freshness` in table.yaml, sources against `stale_after` in their file."""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

import psycopg

from marketflow.quality.outcome import Outcome
from marketflow.quality.results import store
from marketflow.shared import Clock
from marketflow.shared.ages import age
from marketflow.warehouse import Transform, load_transforms, queries

if TYPE_CHECKING:
    from marketflow.sources import Source

log = logging.getLogger(__name__)
_AGAIN = dt.timedelta(days=1)  # a source that stays stale is told of once a day, not by each run


def stale_tables(conn: psycopg.Connection, clock: Clock) -> list[str]:
    """All tables that are older than their `table.yaml` allows, in words."""
    return [o.words for o in of_tables(conn, load_transforms(), clock) if not o.success]


def of_tables(conn: psycopg.Connection, tables: Mapping[str, Transform], clock: Clock) -> list[Outcome]:
    """One outcome for each table that declares a freshness.

    The age of a table counts from the end of the last business day that it knows, or, when its rows are of no day,
    from its last build.
    """
    limits = {name: age(t.doc.freshness) for name, t in tables.items() if t.doc.freshness}
    values = {"tables": list(limits), "limits": list(limits.values()), "now": clock.now(), "zone": clock.time_zone.key}
    found = []
    for table, as_of, refreshed_at, fresh in conn.execute(queries("quality")["table_ages"], values):
        known = f"it knows the business up to {as_of}" if as_of else f"it was built at {refreshed_at}"
        found.append(
            Outcome(
                subject=table, of="table", expectation="freshness", success=bool(fresh),
                observed={"data_as_of": str(as_of), "refreshed_at": str(refreshed_at),
                          "hours": limits[table] / dt.timedelta(hours=1)},
                says=f"{table} is stale: {known if refreshed_at else 'it was never built'}, "
                     f"and {tables[table].doc.freshness} are allowed",
            )
        )  # fmt: skip
    return found


def judge_freshness(conn: psycopg.Connection, sources: Iterable[Source], *, clock: Clock) -> list[str]:
    """Tell which sources have brought nothing for longer than their `stale_after`; stores results, commits.

    Meant for every run of an ingest, also one that finds nothing new. A result is stored when it is another one than
    before, and once a day.
    """
    now = clock.now()
    outcomes = [o for source in sources if (o := _of_source(conn, source, now)) is not None]
    for outcome in outcomes:
        if not outcome.success:
            log.warning("%s", outcome.words)
        if not _told(conn, outcome, now):
            store(conn, [outcome], now=now)
    conn.commit()
    return [o.words for o in outcomes if not o.success]


def _of_source(conn: psycopg.Connection, source: Source, now: dt.datetime) -> Outcome | None:
    limit = source.quality.stale_age
    if limit is None:
        return None
    row = conn.execute(queries("quality")["newest_load"], {"source": source.name}).fetchone()
    newest = row[0] if row else None
    known = f"nothing since {newest:%Y-%m-%d %H:%M} UTC" if newest else "nothing yet"
    return Outcome(
        subject=source.name, of="source", expectation="freshness", success=newest is not None and now - newest <= limit,
        observed={"newest": newest.isoformat() if newest else None, "hours": limit / dt.timedelta(hours=1)},
        says=f"{source.name} brought {known}, and is stale after {source.quality.stale_after}",
    )  # fmt: skip


def _told(conn: psycopg.Connection, outcome: Outcome, now: dt.datetime) -> bool:
    values = {"suite": outcome.subject, "success": outcome.success, "since": now - _AGAIN}
    row = conn.execute(queries("quality")["told_already"], values).fetchone()
    return bool(row and row[0])
