"""The books of an ingest: ops.loads and ops.landing_files. Every statement runs in the caller's transaction."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import psycopg

from marketflow.shared import Clock
from marketflow.sources.definition import Source
from marketflow.sources.places.item import Fingerprint, Item, Window
from marketflow.warehouse import queries

Kind = Literal["files", "window", "replay"]
State = Literal["loaded", "refused", "repeated"]
_LOCK_SPACE = 7_236_002  # any number, the same for all that load
_ORDER_SPACE = 7_236_003  # for sources of which one run at a time may take in


@dataclass(frozen=True, kw_only=True)
class LoadSummary:
    """A load in numbers: files taken in and refused; rows read = loaded + quarantined; rows in raw per record.

    `load_id` is None when there was nothing new. repeated_files: not loaded, an earlier file had the same content.
    still_refused: files that were refused again, as by an earlier run, in whose numbers they stand.
    """

    load_id: int | None
    source: str
    files: int = 0
    refused_files: int = 0
    repeated_files: int = 0
    still_refused: int = 0
    read: int = 0
    loaded: int = 0
    quarantined: int = 0
    records: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A file or window on its way into the books. `version_at`: as of when its records count."""

    item: Item
    seen: Fingerprint
    header: tuple[str, ...]
    version_at: dt.datetime

    @property
    def name(self) -> str:
        """As stored."""
        return self.item.name


@dataclass(frozen=True, kw_only=True)
class Counts:
    """Rows of one file: read = loaded + quarantined."""

    read: int
    quarantined: int


class Books:
    """The load of one run: begun with its first new file, or taken over from a run that died."""

    def __init__(self, conn: psycopg.Connection, source: Source, clock: Clock, kind: Kind | None = None) -> None:
        """Learn the files taken in before; finish loads whose runs died, and go on with the last of them."""
        self.conn, self.source, self.clock = conn, source, clock
        self.kind: Kind = kind or ("window" if source.from_.sql else "files")
        self.load_id: int | None = None
        self.known: dict[bytes, str] = {}  # of each content the file that had it first
        self._newest: dict[str, bytes] = {}  # of each file the content that was taken in last
        rows = conn.execute(queries("sources")["known_checksums"], {"source": source.name})
        self.know((path, bytes(checksum)) for path, checksum in rows)
        values = {"source": source.name, "kind": self.kind}
        found = [int(load_id) for (load_id,) in conn.execute(queries("sources")["unfinished_loads"], values)]
        conn.commit()
        for load_id in filter(self._take_over, found):
            self.finish()
            self.load_id = load_id

    def know(self, files: Iterable[tuple[str, bytes]]) -> None:
        """These paths with these checksums stand in the books."""
        for path, checksum in files:
            self.known.setdefault(checksum, path)
            self._newest[path] = checksum

    def begin(self) -> int:
        """The load's id; it is made, locked and committed when there is none yet."""
        if self.load_id is None:
            values = {
                "source": self.source.name, "system": self.source.system, "record": self.source.primary,
                "kind": self.kind, "now": self.clock.now(),
            }  # fmt: skip
            row = self.conn.execute(queries("sources")["start_load"], values).fetchone()
            assert row is not None  # INSERT ... RETURNING
            load_id = int(row[0])
            self._lock(load_id)
            self.conn.commit()
            self.load_id = load_id
        return self.load_id

    def add(self, entries: Sequence[Entry]) -> list[int | None]:
        """Enter files as loaded; their ids, None for those that stand there already.

        A file that another run is taking in just now makes this wait until that run commits.
        """
        return self._enter([(e.name, e.seen, e) for e in entries])

    def count(self, counts: Mapping[int, Counts], notes: Mapping[int, str], records: Mapping[str, int]) -> None:
        """Write down what became of the files' rows, with notes, and how many rows raw got of each record; commit."""
        with self.conn.pipeline():
            for file_id, c in counts.items():
                numbers = {"read": c.read, "quarantined": c.quarantined}
                values = {"file_id": file_id, "reason": notes.get(file_id), **numbers}
                self.conn.execute(queries("sources")["count_file"], values)
            for record, rows in records.items():
                values = {"load_id": self.load_id, "record": record, "rows": rows}
                self.conn.execute(queries("sources")["count_record"], values)
            self.conn.commit()

    def refuse(self, name: str, seen: Fingerprint, reason: str) -> bool:
        """Enter a refused file; False when the same refusal stands there since an earlier run.

        Its key is made of path, content and reason: the content may yet be taken in, under another source file.
        """
        return self._note("refused", name, replace(seen, checksum=_digest("refused", name, seen, reason)), reason)

    def repeat(self, name: str, seen: Fingerprint, known_as: str) -> bool:
        """Enter a file whose content was taken in from `known_as`; False when it stands there, or is that very file."""
        if self._newest.get(name) == seen.checksum:
            return False
        reason = f"same content as {known_as}"
        return self._note("repeated", name, replace(seen, checksum=_digest("repeated", name, seen, "")), reason)

    def finish(self) -> LoadSummary:
        """Add up the load and close it: `loaded`, or `refused` when no file of it was taken in.

        A load without any file (another run was quicker) is taken back.
        """
        load_id, self.load_id = self.load_id, None
        if load_id is None:
            return LoadSummary(load_id=None, source=self.source.name)
        values = {"load_id": load_id, "now": self.clock.now()}
        row = self.conn.execute(queries("sources")["finish_load"], values).fetchone()
        if row is None:
            self.conn.execute(queries("sources")["drop_empty_load"], values)
        records: dict[str, int] = dict(self.conn.execute(queries("sources")["records_of_load"], values).fetchall())
        self.conn.commit()
        self._unlock(load_id)
        if row is None:
            return LoadSummary(load_id=None, source=self.source.name)
        names = ("files", "refused_files", "repeated_files", "read", "loaded", "quarantined")
        numbers = dict(zip(names, map(int, row), strict=True))
        return LoadSummary(load_id=load_id, source=self.source.name, records=records, **numbers)

    def leave(self) -> None:
        """Let go of an unfinished load, after an error: the next run goes on with it."""
        if self.load_id is not None and not self.conn.closed:
            self.conn.rollback()
            self._unlock(self.load_id)

    def _note(self, state: State, name: str, seen: Fingerprint, reason: str) -> bool:
        """Enter a file that is not taken in; False when that stands there since an earlier run."""
        if seen.checksum in self.known:
            return False
        self.begin()
        self._enter([(name, seen, None)], state, reason)
        self.conn.commit()
        self.known[seen.checksum] = name
        return True

    def _enter(
        self, files: Sequence[tuple[str, Fingerprint, Entry | None]], state: State = "loaded", reason: str | None = None
    ) -> list[int | None]:
        values = {
            "load_id": self.load_id, "source": self.source.name, "state": state, "reason": reason,
            "now": self.clock.now(),
        }  # fmt: skip
        with self.conn.pipeline():  # one round trip for all
            self.conn.execute(queries("sources")["flush_later"])
            cursors = [
                self.conn.execute(queries("sources")["add_file"], {**values, **_described(name, seen, entry)})
                for name, seen, entry in files
            ]
            rows = [cursor.fetchone() for cursor in cursors]
        return [int(row[0]) if row else None for row in rows]

    def _take_over(self, load_id: int) -> bool:
        """Hold a load whose run died; False when a living run has it, or has closed it since it was looked for."""
        if not self._lock(load_id):
            return False
        row = self.conn.execute(queries("sources")["is_loading"], {"load_id": load_id}).fetchone()
        self.conn.commit()
        if row is None:
            self._unlock(load_id)
        return row is not None

    def _lock(self, load_id: int) -> bool:
        """Hold the load until the session ends, however it ends; False when a living run has it."""
        values = {"space": _LOCK_SPACE, "load_id": load_id}
        row = self.conn.execute(queries("sources")["lock_load"], values).fetchone()
        return bool(row and row[0])

    def _unlock(self, load_id: int) -> None:
        self.conn.execute(queries("sources")["unlock_load"], {"space": _LOCK_SPACE, "load_id": load_id})
        self.conn.commit()


@contextmanager
def one_at_a_time(conn: psycopg.Connection, source: Source) -> Iterator[None]:
    """Wait until no other run takes this source in: where the next window begins depends on the one before it."""
    values = {"space": _ORDER_SPACE, "source": source.name}
    conn.execute(queries("sources")["lock_source"], values)
    conn.commit()
    try:
        yield
    finally:
        if not conn.closed:
            conn.rollback()
            conn.execute(queries("sources")["unlock_source"], values)
            conn.commit()


def last_window(conn: psycopg.Connection, source: str) -> dt.datetime | None:
    """Up to when the rows of a SQL source were taken in; None: never."""
    row = conn.execute(queries("sources")["last_window"], {"source": source}).fetchone()
    return row[0] if row else None


def _digest(state: State, name: str, seen: Fingerprint, reason: str) -> bytes:
    """By what a file is known that is not taken in; its own checksum may yet be."""
    return hashlib.sha256(b"\0".join([state.encode(), name.encode(), seen.checksum, reason.encode()])).digest()


def _described(name: str, seen: Fingerprint, entry: Entry | None) -> dict[str, Any]:
    window: Window | None = entry.item.window if entry else None
    return {
        "path": name, "checksum": seen.checksum, "bytes": seen.size, "object_version": seen.version,
        "header": list(entry.header) if entry else None, "version_at": entry.version_at if entry else None,
        "window_from": window.since if window else None, "window_until": window.until if window else None,
    }  # fmt: skip
