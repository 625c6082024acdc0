"""Where answers go: to the warehouse, with the rights of the role `edge`; and while it is away to a journal."""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Iterator
from typing import Any

import psycopg
from psycopg.conninfo import make_conninfo
from psycopg.rows import dict_row

from marketflow.campaigns.tracking.journal import is_waiting
from marketflow.edge.answers import Answer, record, take_answers
from marketflow.edge.collector import EventLog
from marketflow.privacy import KeyRing
from marketflow.shared import Clock, MarketflowError, Settings, SourceError
from marketflow.warehouse import connect, queries

log = logging.getLogger(__name__)
# A connection that nobody answers on is given up: one that waits by keepalives, one that sends by the other limit.
_CONNECTING = {
    "connect_timeout": 3, "keepalives": 1, "keepalives_idle": 5, "keepalives_interval": 2, "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
}  # fmt: skip
_STATEMENT_MS = 3_000
# Answers may be written where the collector and the journals of opens may not any more: anybody can fill those.
_SHARE_OF_RESERVE = 8
_LEAVE_SECONDS = 10.0
_PATIENCE = (0.2, 5.0)  # seconds between tries to take the journal, at first and at most


class Desk:
    """Takes answers. A connection per request: they are few, and none is held while nobody asks."""

    def __init__(self, dsn: str, clock: Clock) -> None:
        self._dsn = make_conninfo(dsn, **_CONNECTING)
        self._clock = clock

    @contextlib.contextmanager
    def opened(self) -> Iterator[psycopg.Connection]:
        """A connection with the rights of the role `edge`, each of whose statements may take some seconds."""
        with connect(self._dsn, "edge") as conn:
            conn.execute(queries("edge")["limit_time"], {"milliseconds": _STATEMENT_MS})
            conn.commit()  # a later rollback does not bring the limit back
            yield conn

    def record(self, said: Answer) -> bool:
        """Write an answer; False when there is no such message. Raises psycopg.Error when the warehouse is away."""
        with self.opened() as conn:
            return record(conn, said, self._clock.now())

    def look(self, statement: str, send_id: int) -> dict[str, Any] | None:
        """The one row of a statement about a message, if there is such a message. Raises psycopg.Error."""
        with self.opened() as conn, conn.cursor(row_factory=dict_row) as cursor:
            return cursor.execute(queries("edge")[statement], {"send_id": send_id}).fetchone()

    def ping(self) -> None:
        """Raises psycopg.Error when the warehouse cannot be reached."""
        with self.opened() as conn:
            conn.execute(queries("edge")["alive"])


class Standby:
    """The journal of answers, and the thread that takes it to the warehouse as soon as that is there again."""

    def __init__(self, journal: EventLog, desk: Desk, keys: KeyRing, clock: Clock) -> None:
        self._journal, self._desk, self._keys, self._clock = journal, desk, keys, clock
        self._wake, self._has_ended = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._work, name="answers", daemon=True)

    @classmethod
    def of(cls, found: Settings, dsn: str, keys: KeyRing) -> Standby:
        """As the settings want it. Each group of answers is a closed segment at once, which anybody may take."""
        journal = EventLog(
            found.answers, keys, found.clock(), segment_seconds=0,
            reserve_bytes=(found.collector_reserve_mib << 20) // _SHARE_OF_RESERVE, name="answers",
        )  # fmt: skip
        return cls(journal, Desk(dsn, found.clock()), keys, found.clock())

    @property
    def state(self) -> str:
        """For /health: ok, whether some wait for the warehouse, or what is wrong."""
        if problem := self._journal.problem:
            return f"cannot write: {problem}"
        try:
            return "ok; some wait for the warehouse" if is_waiting(self._journal.folder) else "ok"
        except SourceError as error:
            return str(error)

    async def keep(self, said: Answer) -> None:
        """Returns when the answer is durable. Raises NotDurable."""
        await self._journal.append(said.model_dump_json().encode())
        self._wake.set()

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """Keep and take answers within the block. Raises OSError when the folder cannot be made."""
        self._journal.start()
        self._thread.start()
        try:
            yield
        finally:
            self._has_ended.set()
            self._wake.set()
            self._thread.join(_LEAVE_SECONDS)  # a warehouse that is frozen holds it; what it has not taken stays
            self._journal.close()

    def _work(self) -> None:
        """What another process has left in the same folder is looked for, too."""
        first, longest = _PATIENCE
        wait, is_told = first, False
        while not self._has_ended.is_set():
            self._wake.clear()
            if self._has_ended.is_set():
                break
            try:
                if is_waiting(self._journal.folder):
                    taken = take_answers(self._desk.opened, self._journal.folder, self._keys, self._clock)
                    log.warning("%d answers that waited for the warehouse are recorded", taken)
                wait, is_told = first, False
                self._wake.wait(longest)
            except (psycopg.Error, MarketflowError, OSError) as error:
                if not is_told:
                    words = str(error) if isinstance(error, MarketflowError) else type(error).__name__
                    log.warning("answers wait in the journal for the warehouse (%s)", words)
                is_told = True
                self._has_ended.wait(wait)
                wait = min(2 * wait, longest)
