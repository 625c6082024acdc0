"""The reader of a journal: closed segments of an event log of the edge service, on their way into tables.

A journal is an `EventLog` (edge/collector/log.py) whose requests are JSON objects with an `event_id`. The oldest
segment comes first. It is handed over in lists of bounded length, each in a transaction of its own, and deleted when
all are committed: who is killed in between hands it over again, so who takes records must bear them twice.
"""

from __future__ import annotations

import logging
import mmap
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import psycopg

from marketflow.privacy import COLLECTED, KeyRing
from marketflow.shared import ConfigurationError, MarketflowError, SourceError
from marketflow.sources.readers.frames import SUFFIX, scan, unbundle
from marketflow.warehouse import queries

log = logging.getLogger(__name__)
ASIDE = ".aside"
"""Added to the name of a segment of which some could not be read; the rest of it was taken."""
_BATCH = 5_000
_REFUSALS = (psycopg.DataError, psycopg.IntegrityError, psycopg.errors.QueryCanceled)
Record = dict[str, Any]
Handle = Callable[[psycopg.Connection, list[Record]], None]


@dataclass(frozen=True, kw_only=True)
class Taken:
    """What was done: `segments` were handed over whole or but for what is damaged, with so many `records`.

    `problems`: in words, with the segment's name, what could not be taken; such a segment is still in the folder.
    `is_busy`: somebody else is taking this journal, so nothing was done.
    """

    segments: int = 0
    records: int = 0
    problems: tuple[str, ...] = ()
    is_busy: bool = False


def is_waiting(folder: Path) -> bool:
    """Is there a closed segment? Needs no database. Raises SourceError."""
    return bool(_segments(folder))


def take(
    conn: psycopg.Connection, folder: Path, keys: KeyRing, handle: Handle, *, batch: int = _BATCH,
    statement_ms: int | None = None,
) -> Taken:  # fmt: skip
    """Hand all closed segments of `folder` to `handle(conn, records)`, at most `batch` records at a time.

    `conn` has no transaction open; `handle` works in the one that it is given, neither commits nor rolls back, and
    changes nothing when it is given a record (an `event_id`) again. One taker at a time: a second one returns at once.
    A segment that the keys do not open, whose records the database refuses, or over which a statement takes longer than
    `statement_ms`, stays and is tried again the next time, whole; one that is damaged gets the ending `.aside` when
    what can be read of it is committed. Neither stops the others.
    Raises psycopg.OperationalError when the database goes away, SourceError when the folder cannot be read.
    """
    if not is_waiting(folder):
        return Taken()
    with _alone(conn, folder) as is_ours:
        if not is_ours:
            return Taken(is_busy=True)
        limited = _limited(handle, statement_ms)
        done = [_take_segment(conn, path, keys, limited, batch) for path in _segments(folder)]
    problems = tuple(words for one in done for words in one.problems)
    for words in problems:
        log.error("%s", words)
    return Taken(
        segments=sum(one.segments for one in done), records=sum(one.records for one in done), problems=problems
    )


def _segments(folder: Path) -> list[Path]:
    """The closed ones, oldest first: a name begins with the time; one that is being written begins with a dot."""
    try:
        names = sorted(path.name for path in folder.iterdir()) if folder.exists() else []
    except OSError as error:
        raise SourceError(f"the journal {folder.name} cannot be listed: {error.strerror}") from None
    return [folder / name for name in names if name.endswith(SUFFIX) and not name.startswith(".")]


@contextmanager
def _alone(conn: psycopg.Connection, folder: Path) -> Iterator[bool]:
    """True while nobody else takes this journal; the lock ends with the connection at the latest."""
    q, name = queries("journals"), {"journal": folder.name}
    row = conn.execute(q["lock"], name).fetchone()
    conn.commit()  # the lock is the session's
    is_ours = bool(row and row[0])
    try:
        yield is_ours
    finally:
        if is_ours and not conn.closed:
            conn.rollback()
            conn.execute(q["unlock"], name)
            conn.commit()


def _limited(handle: Handle, statement_ms: int | None) -> Handle:
    """With a time limit for each statement: of a transaction that takes too long the server ends the connection."""
    if statement_ms is None:
        return handle

    def limited(conn: psycopg.Connection, records: list[Record]) -> None:
        conn.execute(queries("journals")["limit_time"], {"milliseconds": statement_ms})
        handle(conn, records)

    return limited


def _take_segment(conn: psycopg.Connection, path: Path, keys: KeyRing, handle: Handle, batch: int) -> Taken:
    reading = _Reading(path, keys)
    try:
        for records in reading.batches(batch):
            with conn.transaction():
                handle(conn, records)
    except FileNotFoundError:  # taken by somebody else, or by hand
        return Taken()
    except (OSError, *_REFUSALS, MarketflowError) as error:
        return Taken(problems=(f"{reading.name} was not taken and stays: {_why(error)}",))
    if reading.lost:
        path.rename(path.with_name(path.name + ASIDE))
        words = f"{reading.name}: {reading.lost} parts cannot be read; the rest was taken, the file is kept as {ASIDE}"
        return Taken(segments=1, records=reading.records, problems=(words,))
    path.unlink(missing_ok=True)
    return Taken(segments=1, records=reading.records)


def _why(error: Exception) -> str:
    """In words that show no value of a record: PostgreSQL's may."""
    if isinstance(error, OSError):
        return str(error.strerror)
    if isinstance(error, MarketflowError):
        return str(error)
    if isinstance(error, psycopg.errors.QueryCanceled):
        return "the database takes too long over it"
    return f"the database refuses a record ({type(error).__name__})"


class _Reading:
    """The records of one segment. `lost` counts what is no whole record, is damaged, or no JSON with an event_id."""

    def __init__(self, path: Path, keys: KeyRing) -> None:
        self.name, self.records, self.lost = f"{path.parent.name}/{path.name}", 0, 0
        self._path, self._keys, self._opened = path, keys, 0

    def batches(self, size: int) -> Iterator[list[Record]]:
        """All records in order, in lists of at most `size`. Raises OSError, SourceError when the keys do not fit."""
        gathered: list[Record] = []
        for record in self._all():
            gathered.append(record)
            if len(gathered) >= size:
                yield gathered
                gathered = []
        if gathered:
            yield gathered

    def _all(self) -> Iterator[Record]:
        with self._path.open("rb") as file:
            if not self._path.stat().st_size:
                return
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
                for stretch in scan(data):
                    text = None if stretch.body is None else self._opened_text(stretch.body)
                    for request in unbundle(text) if text is not None else ():
                        yield from self._record(request)
                    self.lost += text is None

    def _opened_text(self, body: bytes) -> bytes | None:
        try:
            text = self._keys.decrypt(body, COLLECTED)
        except ConfigurationError as error:
            if not self._opened:  # not this record: the keys
                raise SourceError(str(error)) from None
            return None
        self._opened += 1
        return text

    def _record(self, request: bytes) -> Iterator[Record]:
        try:
            found = orjson.loads(request)
        except orjson.JSONDecodeError:
            found = None
        if isinstance(found, dict) and isinstance(found.get("event_id"), str):
            self.records += 1
            yield found
        else:
            self.lost += 1
