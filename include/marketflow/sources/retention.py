"""Raw is kept for as long as an installation says; what core made of it stays."""

from __future__ import annotations

import datetime as dt
from collections import Counter

import psycopg
from psycopg import sql

from marketflow.shared import Clock, ConfigurationError
from marketflow.sources.contracts import CONTRACTS
from marketflow.warehouse import lock_job, queries

_BATCH = 50_000  # rows of one transaction


def forget_raw(conn: psycopg.Connection, clock: Clock, keep_days: int) -> dict[str, int]:
    """Delete the raw rows of loads that were merged into core and finished more than `keep_days` ago.

    The loads are marked first, while nothing is built; from then on no build looks at them, however much of them is
    still there. Commits batch by batch; a run that dies is finished by the next one. Loads that are not merged stay
    whole, and so do rows in quarantine, and loads with orders that were held back from core: raw has the only copy.
    Returns the rows deleted, by table, and as `kept_loads` how many old loads stay for such orders.
    """
    if keep_days < 1:
        raise ConfigurationError("raw must be kept for a day at least")
    conn.commit()
    kept = _mark(conn, clock, keep_days)
    loads = conn.execute(queries("sources")["loads_to_delete"]).fetchall()
    conn.commit()
    deleted: Counter[str] = Counter()
    for load_id, records in loads:
        for table in (CONTRACTS[record].stored_in for record in records if record in CONTRACTS):
            deleted[table] += _forget(conn, table, load_id)
        conn.execute(queries("sources")["note_deleted"], {"load_id": load_id, "now": clock.now()})
        conn.commit()
    return {**deleted, "kept_loads": kept} if kept else dict(deleted)


def _mark(conn: psycopg.Connection, clock: Clock, keep_days: int) -> int:
    """Mark the loads to forget; how many as old are kept. Waits for a build that runs, which may be reading them."""
    values = {"now": clock.now(), "before": clock.now() - dt.timedelta(days=keep_days)}
    with conn.transaction():
        lock_job(conn, "build_core")
        conn.execute(queries("sources")["mark_forgotten"], values)
        conn.execute(queries("sources")["mark_forgotten_replays"], values)
        row = conn.execute(queries("sources")["count_kept"], values).fetchone()
    return int(row[0]) if row else 0


def _forget(conn: psycopg.Connection, table: str, load_id: int) -> int:
    """Delete a load's rows of a table; the BRIN index on load_id keeps the search to the load's own pages."""
    statement = sql.SQL(
        "DELETE FROM {table} WHERE ctid = ANY(ARRAY(SELECT ctid FROM {table} WHERE load_id = %s LIMIT {batch}))"
    ).format(table=sql.Identifier(*table.split(".")), batch=sql.Literal(_BATCH))
    total = 0
    while count := conn.execute(statement, [load_id]).rowcount:
        total += count
        conn.commit()
    conn.commit()
    return total
