"""`take_in`: all new files of a record's landing folder, in one load, each file in a transaction of its own."""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import psycopg

from marketflow.privacy import KeyRing
from marketflow.shared import Clock, ConfigurationError, SourceError
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
_Fill = Callable[[IO[bytes], tuple[str, ...], int], tuple[Counts, str | None]]  # stream, header, file_id


def take_in(conn: psycopg.Connection, record: str, *, landing: Path, keys: KeyRing, clock: Clock) -> LoadSummary:
    """Take all new files of `landing`/`record` into raw and return the load in numbers; `load_id` None: nothing new.

    Commits what the caller has open on `conn`, then each file by itself. Runs may overlap, and one that is killed
    leaves whole files only: the next run goes on with its load. A file is known by its content's checksum; one that
    cannot be used is entered as refused with the reason, and the others go on.
    Raises SourceError when the landing folder is missing or the database fails; no message holds data.
    """
    if conn.autocommit:
        raise ConfigurationError("take_in needs a connection without autocommit: each file is a transaction")
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
        start, failure = stream.tell(), None
        try:
            if not self._try_plainly(stream, seen, header):
                stream.seek(start)
                self._enter(stream, seen, self._fill_carefully, header)
        except psycopg.Error as error:
            failure = f"PostgreSQL reported {type(error).__name__} ({error.sqlstate})"
        finally:
            if not self.conn.closed:
                self.conn.rollback()  # nothing, unless something went wrong
        if failure:  # raised here, without the cause: its message may show data
            raise SourceError(f"{self.name}: {failure}; its own words may hold data and are left out")
        self.books.known.add(seen.checksum)

    def _try_plainly(self, stream: IO[bytes], seen: Fingerprint, header: tuple[str, ...]) -> bool:
        if not is_plain(self.contract):
            return False
        try:
            self._enter(stream, seen, self._fill_plainly, header)
        except NotPlain:
            self.conn.rollback()
            return False
        return True

    def _enter(self, stream: IO[bytes], seen: Fingerprint, fill: _Fill, header: tuple[str, ...]) -> None:
        """The file's transaction: enter it in the manifest, fill raw and quarantine, count, commit."""
        file_id = self.books.add(self.name, seen)
        if file_id is None:
            return  # another run was quicker
        counts, note = fill(stream, header, file_id)
        if has_changed(stream, seen):
            raise _Changed
        self.books.count(file_id, counts, note)

    def _fill_plainly(self, stream: IO[bytes], header: tuple[str, ...], file_id: int) -> tuple[Counts, str | None]:
        place = (self.books.begin(), file_id)
        rows = load_plain(self.conn, self.contract, header, stream, place=place, latest=self._latest())
        return Counts(read=rows, loaded=rows, quarantined=0), None

    def _fill_carefully(self, stream: IO[bytes], header: tuple[str, ...], file_id: int) -> tuple[Counts, str | None]:
        careful = Careful(
            conn=self.conn, contract=self.contract, header=header, keys=self.keys, load_id=self.books.begin(),
            file_id=file_id, now=self.clock.now(), latest=self._latest(),
        )  # fmt: skip
        counts, unfinished = careful.load(stream)
        return counts, "the file does not end with a line end: its last record may be cut" if unfinished else None

    def _latest(self) -> dt.datetime:
        return latest_instant(self.clock.business_date(), self.clock.time_zone)
