"""What nobody knows the end of, for reports and for the person who decides."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import psycopg
from psycopg.rows import class_row

from marketflow.warehouse import queries


@dataclass(frozen=True, kw_only=True)
class UnknownSend:
    """A message that may or may not have arrived. Ids and codes only: `message_id` finds it in the server's log."""

    send_id: int
    message_id: str
    campaign: str
    occasion: str
    channel: str
    reason: str
    sending_at: dt.datetime


def unknown_sends(
    conn: psycopg.Connection, *, since: dt.datetime | None = None, limit: int = 1_000
) -> list[UnknownSend]:
    """The oldest `limit` messages in the state `unknown` that were begun at or after `since`."""
    with conn.cursor(row_factory=class_row(UnknownSend)) as cursor:
        return cursor.execute(queries("delivery_events")["unknown_sends"], {"since": since, "most": limit}).fetchall()
