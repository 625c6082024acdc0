"""Raw is kept for as long as an installation says; what core made of it stays."""

from __future__ import annotations

import datetime as dt
from collections import Counter

import psycopg
from psycopg import sql

from marketflow.shared import Clock, ConfigurationError
from marketflow.sources.contracts import CONTRACTS
from marketflow.warehouse import queries

_BATCH = 50_000  # rows of one transaction


def forget_raw(conn: psycopg.Connection, clock: Clock, keep_days: int) -> dict[str, int]:
    """Delete the raw rows of loads that were merged into core and finished more than `keep_days` ago.

    Commits batch by batch; a run that dies is finished by the next one. Loads that are not merged stay whole, and so
    do rows in quarantine. Returns the rows deleted, by table.
    """
    if keep_days < 1:
        raise ConfigurationError("raw must be kept for a day at least")
    before = clock.now() - dt.timedelta(days=keep_days)
    loads = conn.execute(queries("sources")["loads_to_forget"], {"before": before}).fetchall()
    conn.commit()
    deleted: Counter[str] = Counter()
    for load_id, records in loads:
        for table in (CONTRACTS[record].table for record in records if record in CONTRACTS):
            deleted[table] += _forget(conn, table, load_id)
        conn.execute(queries("sources")["note_forgotten"], {"load_id": load_id, "now": clock.now()})
        conn.commit()
    return dict(deleted)


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
