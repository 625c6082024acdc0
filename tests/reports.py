"""Messages that were handed over, and what is known of them after reports came."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from typing import Any

import psycopg

from ledger_fixture import NOW, Filled, fill


def handed_over(conn: psycopg.Connection, count: int, state: str = "sent") -> Filled:
    """`count` messages that went out an hour ago."""
    filled = fill(conn, count)
    conn.execute(
        "UPDATE activation.sends SET state = %s, sending_at = %s, reason = 'sender_lost' WHERE send_id = any(%s)",
        [state, NOW - dt.timedelta(hours=1), filled.send_ids],
    )
    conn.commit()
    return filled


def kinds(conn: psycopg.Connection) -> Counter[tuple[int, str]]:
    """How many reports of each kind each message has."""
    rows = conn.execute("SELECT send_id, kind, count(*) FROM activation.delivery_events GROUP BY 1, 2").fetchall()
    conn.rollback()
    return Counter({(send_id, kind): count for send_id, kind, count in rows})


def shut_out(conn: psycopg.Connection) -> dict[int, str]:
    """Contact points that nobody writes to any more, with the reason."""
    rows: list[Any] = conn.execute(
        "SELECT contact_point_id, reason FROM privacy.suppressions INNER JOIN core.contact_points USING (channel, address_hash)"
    ).fetchall()
    conn.rollback()
    return dict(rows)
