"""What an unsubscription changes in the warehouse: one statement, idempotent, with the rights of the role `edge`."""

from __future__ import annotations

from psycopg.conninfo import make_conninfo

from marketflow.shared import Clock
from marketflow.shared.ids import event_id
from marketflow.warehouse import connect, queries

_CONNECT_SECONDS = 3
_STATEMENT_MS = 5_000


class Desk:
    """Takes unsubscriptions. A connection per request: they are few, and none is held while nobody asks."""

    def __init__(self, dsn: str, clock: Clock) -> None:
        self._dsn = make_conninfo(dsn, connect_timeout=_CONNECT_SECONDS)
        self._clock = clock

    def unsubscribe(self, send_id: int) -> bool:
        """Withdraw the consent that this message was sent by, and suppress its address on the message's channel.

        False when there is no such message. Raises psycopg.Error when the warehouse cannot be reached.
        """
        q, now = queries("edge"), self._clock.now()
        key = f"unsubscribe\x1f{send_id}\x1f{now.isoformat()}"
        with connect(self._dsn, "edge") as conn:
            conn.execute(q["limit_time"], {"milliseconds": _STATEMENT_MS})
            row = conn.execute(
                q["unsubscribe"], {"send_id": send_id, "now": now, "event_id": event_id("edge", key)}
            ).fetchone()
        return bool(row and row[0])

    def ping(self) -> None:
        """Raises psycopg.Error when the warehouse cannot be reached."""
        with connect(self._dsn, "edge") as conn:
            conn.execute(queries("edge")["alive"])
