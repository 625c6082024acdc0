"""`take_in`: all new files of a record's landing folder, in one load, each file in a transaction of its own."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import psycopg

from marketflow.privacy import KeyRing
from marketflow.shared import Clock, SourceError
from marketflow.sources.careful import Careful
from marketflow.sources.contracts import Contract, contract_of, latest_instant
from marketflow.sources.fast import NotPlain, load_plain
from marketflow.sources.files import (
    Fingerprint,
    check_header,
    fingerprint,
    has_changed,
    landing_files,
    open_landing,
    stored_path,
)
from marketflow.sources.manifest import Books, Counts, LoadSummary
from marketflow.sources.patterns import is_plain
from marketflow.sources.records import HeaderRefused, read_header

log = logging.getLogger(__name__)
_UNREAD = Fingerprint(checksum=b"", size=0, changed_at=0)


def take_in(conn: psycopg.Connection, record: str, *, landing: Path, keys: KeyRing, clock: Clock) -> LoadSummary:
    """Take all new files of `landing`/`record` into raw and return the load in numbers; `load_id` None: nothing new.

    Commits what the caller has open on `conn`, then each file by itself. Runs may overlap, and one that is killed
    leaves whole files only: the next run goes on with its load. A file is known by its content's checksum; one that
    cannot be used is entered as refused with the reason, and the others go on.
    Raises SourceError when the landing folder is missing or the database fails; no message holds data.
    """
    conn.commit()
    contract = contract_of(record)
    paths = landing_files(landing, record)
    books = Books(conn, record, clock)
    try:
        for path in paths:
            _Taking(conn, contract, keys, clock, books, path, stored_path(path, landing)).run()
        return books.finish()
    finally:
        books.leave()


class _Changed(Exception):
    """Somebody wrote to the file while it was read."""


@dataclass(frozen=True)
class _Taking:
    """One file on its way in."""

    conn: psycopg.Connection
    contract: Contract
    keys: KeyRing
    clock: Clock
    books: Books
    path: Path
    name: str

    def run(self) -> None:
        seen = _UNREAD
        try:
            with open_landing(self.path) as stream:
                seen = fingerprint(stream)
                if seen.checksum not in self.books.known:
                    header = read_header(stream)
                    check_header(self.contract, header)
                    self._load(stream, seen, header)
        except _Changed:
            log.warning("%s was written to while it was read; the next run takes it in", self.name)
        except HeaderRefused as refusal:
            self._refuse(seen, str(refusal))
        except OSError as error:
            self._refuse(seen, f"the file cannot be read: {error.strerror}")

    def _refuse(self, seen: Fingerprint, reason: str) -> None:
        if self.books.refuse(self.name, seen, reason):
            log.warning("%s is refused: %s", self.name, reason)

    def _load(self, stream: IO[bytes], seen: Fingerprint, header: tuple[str, ...]) -> None:
        self.books.begin()
        failure = None
        try:
            with self.conn.transaction():
                self._enter(stream, seen, header)
        except psycopg.Error as error:
            failure = f"PostgreSQL reported {type(error).__name__} ({error.sqlstate})"
        if failure:  # raised here, without the cause: its message may show data
            raise SourceError(f"{self.name}: {failure}; its own words may hold data and are left out")
        self.books.known.add(seen.checksum)

    def _enter(self, stream: IO[bytes], seen: Fingerprint, header: tuple[str, ...]) -> None:
        # Safe: rows and manifest are lost together or not at all, and closing the load flushes what came before.
        self.conn.execute("SELECT set_config('synchronous_commit', 'off', true)")
        file_id = self.books.add(self.name, seen)
        if file_id is None:
            return  # another run was quicker
        counts, note = self._fill(stream, header, file_id)
        if has_changed(stream, seen):
            raise _Changed
        self.books.count(file_id, counts, note)

    def _fill(self, stream: IO[bytes], header: tuple[str, ...], file_id: int) -> tuple[Counts, str | None]:
        start, load_id = stream.tell(), self.books.begin()
        latest = latest_instant(self.clock.business_date(), self.clock.time_zone)
        if is_plain(self.contract):
            try:
                rows = load_plain(self.conn, self.contract, header, stream, place=(load_id, file_id), latest=latest)
                return Counts(read=rows, loaded=rows, quarantined=0), None
            except NotPlain:
                stream.seek(start)
        careful = Careful(
            conn=self.conn, contract=self.contract, header=header, keys=self.keys, load_id=load_id, file_id=file_id,
            now=self.clock.now(), latest=latest,
        )  # fmt: skip
        counts, unfinished = careful.load(stream)
        return counts, "the file does not end with a line end: its last record may be cut" if unfinished else None
