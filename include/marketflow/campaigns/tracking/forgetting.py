"""What tells where somebody was is kept for as long as verdicts need it, and no longer."""

from __future__ import annotations

import datetime as dt

import psycopg

from marketflow.shared import Clock
from marketflow.warehouse import queries

_DAYS = 30  # a verdict looks at the minutes around an event; events that arrive late are judged with their neighbours
_BATCH = 20_000


def forget_networks(conn: psycopg.Connection, clock: Clock) -> int:
    """Empty `network_hash` of events that are older than 30 days, 20,000 to a transaction; returns how many rows."""
    before, forgotten = clock.now() - dt.timedelta(days=_DAYS), 0
    while True:
        with conn.transaction():
            some = conn.execute(queries("tracking")["forget_networks"], {"before": before, "most": _BATCH}).rowcount
        forgotten += some
        if some < _BATCH:
            return forgotten
