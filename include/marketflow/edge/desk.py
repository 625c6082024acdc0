"""Where answers go: to the warehouse, with the rights of the role `edge`; and while it is away to a journal."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import Any

import psycopg
from psycopg.conninfo import make_conninfo
from psycopg.rows import dict_row

from marketflow.campaigns.tracking.journal import is_waiting
from marketflow.edge.answers import Answer, record, take_answers
from marketflow.edge.collector import EventLog
from marketflow.privacy import KeyRing
from marketflow.shared import Clock, MarketflowError, Settings
from marketflow.warehouse import connect, queries

log = logging.getLogger(__name__)
_CONNECT_SECONDS = 3
_STATEMENT_MS = 5_000
# After a failure the warehouse is not asked for so long: a host that says nothing would hold up each request.
_AWAY_SECONDS = 1.0
_PATIENCE = (0.2, 5.0)  # seconds between tries to take the journal, at first and at most


class Desk:
    """Takes answers. A connection per request: they are few, and none is held while nobody asks."""

    def __init__(self, dsn: str, clock: Clock) -> None:
        self._dsn = make_conninfo(dsn, connect_timeout=_CONNECT_SECONDS)
        self._clock = clock

    def opened(self) -> AbstractContextManager[psycopg.Connection]:
        """A connection with the rights of the role `edge`."""
        return connect(self._dsn, "edge")

    def record(self, said: Answer) -> bool:
        """Write an answer; False when there is no such message. Raises psycopg.Error when the warehouse is away."""
        with self.opened() as conn:
            conn.execute(queries("edge")["limit_time"], {"milliseconds": _STATEMENT_MS})
            return record(conn, said, self._clock.now())

    def look(self, statement: str, send_id: int) -> dict[str, Any] | None:
        """The one row of a statement about a message, if there is such a message. Raises psycopg.Error."""
        with self.opened() as conn, conn.cursor(row_factory=dict_row) as cursor:
            cursor.execute(queries("edge")["limit_time"], {"milliseconds": _STATEMENT_MS})
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
        self._away_until = 0.0

    @classmethod
    def of(cls, found: Settings, dsn: str, keys: KeyRing) -> Standby:
        """As the settings want it. Each group of answers is a closed segment at once, which anybody may take."""
        journal = EventLog(
            found.answers, keys, found.clock(), segment_seconds=0,
            reserve_bytes=found.collector_reserve_mib << 20, name="answers",
        )  # fmt: skip
        return cls(journal, Desk(dsn, found.clock()), keys, found.clock())

    @property
    def is_away(self) -> bool:
        """Did the warehouse fail a moment ago?"""
        return time.monotonic() < self._away_until

    def missed(self) -> None:
        """The warehouse has just failed."""
        self._away_until = time.monotonic() + _AWAY_SECONDS

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
            self._thread.join()
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
