"""The books of an ingest: ops.loads and ops.landing_files. Every statement runs in the caller's transaction."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace

import psycopg

from marketflow.shared import Clock
from marketflow.sources.files import Fingerprint
from marketflow.warehouse import queries

SOURCE = "shop"  # the landing folder's exports, as core.*.source names them
_LOCK_SPACE = 7_236_002  # any number, the same for all that load


@dataclass(frozen=True, kw_only=True)
class LoadSummary:
    """A load in numbers: files taken in and refused; records read = loaded + quarantined.

    `load_id` is None when there was no new file.
    """

    load_id: int | None
    record: str
    files: int = 0
    refused_files: int = 0
    read: int = 0
    loaded: int = 0
    quarantined: int = 0


@dataclass(frozen=True, kw_only=True)
class Counts:
    """Records of one file: read = loaded + quarantined."""

    read: int
    loaded: int
    quarantined: int


class Books:
    """The load of one run: begun with its first new file, or taken over from a run that died."""

    def __init__(self, conn: psycopg.Connection, record: str, clock: Clock) -> None:
        """Learn the files taken in before; finish loads whose runs died, and go on with the last of them."""
        self.conn, self.record, self.clock = conn, record, clock
        self.load_id: int | None = None
        rows = conn.execute(queries("sources")["known_checksums"], {"source": SOURCE})
        self.known = {bytes(checksum) for (checksum,) in rows}
        values = {"source": SOURCE, "record": record}
        found = [int(load_id) for (load_id,) in conn.execute(queries("sources")["unfinished_loads"], values)]
        conn.commit()
        for load_id in filter(self._lock, found):
            self.finish()
            self.load_id = load_id

    def begin(self) -> int:
        """The load's id; it is made, locked and committed when there is none yet."""
        if self.load_id is None:
            values = {"source": SOURCE, "record": self.record, "now": self.clock.now()}
            load_id = self._number("start_load", values)
            self._lock(load_id)
            self.conn.commit()
            self.load_id = load_id
        return self.load_id

    def add(self, files: Sequence[tuple[str, Fingerprint]], reason: str | None = None) -> list[int | None]:
        """Enter files (as refused, when there is a reason); their ids, None for those that stand there already.

        A file that another run is taking in just now makes this wait until that run commits.
        """
        values = {
            "load_id": self.load_id, "source": SOURCE, "state": "refused" if reason else "loaded", "reason": reason,
            "now": self.clock.now(),
        }  # fmt: skip
        with self.conn.pipeline():  # one round trip for all
            self.conn.execute(queries("sources")["flush_later"])
            cursors = [
                self.conn.execute(
                    queries("sources")["add_file"],
                    {**values, "path": path, "checksum": seen.checksum, "bytes": seen.size},
                )
                for path, seen in files
            ]
            rows = [cursor.fetchone() for cursor in cursors]
        return [int(row[0]) if row else None for row in rows]

    def count(self, results: Sequence[tuple[int, Counts, str | None]]) -> None:
        """Write down what became of the files' records, with a note, and commit."""
        with self.conn.pipeline():
            for file_id, counts, note in results:
                values = {"file_id": file_id, "reason": note, **asdict(counts)}
                self.conn.execute(queries("sources")["count_file"], values)
            self.conn.commit()

    def refuse(self, path: str, seen: Fingerprint, reason: str) -> bool:
        """Enter a refused file; False when the same refusal stands there since an earlier run.

        Its key is made of path, content and reason: the content may yet be taken in, under another contract.
        """
        key = hashlib.sha256(b"\0".join([b"refused", path.encode(), seen.checksum, reason.encode()])).digest()
        if key in self.known:
            return False
        self.begin()
        self.add([(path, replace(seen, checksum=key))], reason)
        self.conn.commit()
        self.known.add(key)
        return True

    def finish(self) -> LoadSummary:
        """Add up the load and close it: `loaded`, or `refused` when no file of it was taken in.

        A load without any file (another run was quicker) is taken back.
        """
        load_id, self.load_id = self.load_id, None
        if load_id is None:
            return LoadSummary(load_id=None, record=self.record)
        values = {"load_id": load_id, "now": self.clock.now()}
        row = self.conn.execute(queries("sources")["finish_load"], values).fetchone()
        if row is None:
            self.conn.execute(queries("sources")["drop_empty_load"], values)
        self.conn.commit()
        self._unlock(load_id)
        if row is None:
            return LoadSummary(load_id=None, record=self.record)
        names = ("files", "refused_files", "read", "loaded", "quarantined")
        return LoadSummary(load_id=load_id, record=self.record, **dict(zip(names, map(int, row), strict=True)))

    def leave(self) -> None:
        """Let go of an unfinished load, after an error: the next run goes on with it."""
        if self.load_id is not None and not self.conn.closed:
            self.conn.rollback()
            self._unlock(self.load_id)

    def _lock(self, load_id: int) -> bool:
        """Hold the load until the session ends, however it ends; False when a living run has it."""
        values = {"space": _LOCK_SPACE, "load_id": load_id}
        row = self.conn.execute(queries("sources")["lock_load"], values).fetchone()
        return bool(row and row[0])

    def _unlock(self, load_id: int) -> None:
        self.conn.execute(queries("sources")["unlock_load"], {"space": _LOCK_SPACE, "load_id": load_id})
        self.conn.commit()

    def _number(self, statement: str, values: dict[str, object]) -> int:
        row = self.conn.execute(queries("sources")[statement], values).fetchone()
        assert row is not None  # INSERT ... RETURNING
        return int(row[0])
