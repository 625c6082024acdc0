"""`take_in`: all new files of a record's landing folder, in one load; no file is ever taken in by half."""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Callable, Iterator
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
_BATCH_BYTES = 4 << 20  # small files share a transaction up to this size
_UNREAD = Fingerprint(checksum=b"", size=0, changed_at=0)
_CUT = "the file does not end with a line end: its last record may be cut"


def take_in(conn: psycopg.Connection, record: str, *, landing: Path, keys: KeyRing, clock: Clock) -> LoadSummary:
    """Take all new files of `landing`/`record` into raw and return the load in numbers; `load_id` None: nothing new.

    Commits what the caller has open on `conn`, then file by file (small ones some at a time). Runs may overlap, and
    one that is killed leaves whole files only: the next run goes on with its load. A file is known by its content's
    checksum; one that cannot be used is entered as refused with the reason, and the others go on.
    Raises SourceError when the landing folder is missing or the database fails; no message holds data.
    """
    if conn.autocommit:
        raise ConfigurationError("take_in needs a connection without autocommit: it commits whole files")
    conn.commit()
    contract = contract_of(record)
    paths = landing_files(landing, record)
    books = Books(conn, record, clock)
    intake = _Intake(conn=conn, contract=contract, keys=keys, clock=clock, books=books, landing=landing)
    try:
        for batch in intake.batches(paths):
            intake.load(batch)
        return books.finish()
    finally:
        books.leave()


class _Changed(Exception):
    """Somebody wrote to the file while it was read."""


@dataclass(frozen=True, kw_only=True)
class _NewFile:
    """A file with a good header that no load has."""

    path: Path
    name: str
    header: tuple[str, ...]
    seen: Fingerprint

    def open(self) -> Iterator[IO[bytes]]:
        """The stream after the header, once; raises _Changed when the file is not what it was, before or after."""
        with open_landing(self.path) as stream:
            read_header(stream)
            yield stream
            if has_changed(stream, self.seen):
                raise _Changed


@dataclass(frozen=True, kw_only=True)
class _Intake:
    """The files of one run on their way in."""

    conn: psycopg.Connection
    contract: Contract
    keys: KeyRing
    clock: Clock
    books: Books
    landing: Path

    def batches(self, paths: list[Path]) -> Iterator[list[_NewFile]]:
        """The new files in order: some small ones with the same header, or one large one, at a time."""
        batch: list[_NewFile] = []
        for new in filter(None, map(self._inspect, paths)):
            size = sum(f.seen.size for f in batch) + new.seen.size
            if batch and (size > _BATCH_BYTES or new.header != batch[0].header):
                yield batch
                batch = []
            batch.append(new)
        if batch:
            yield batch

    def load(self, batch: list[_NewFile]) -> None:
        """Take the files in: together when all are plain, else one by one."""
        self.books.begin()
        if not is_plain(self.contract) or not self._try_plainly(batch):
            for new in batch:
                self._load_one(new, plainly=len(batch) > 1)
        self.books.known.update(new.seen.checksum for new in batch)

    def _inspect(self, path: Path) -> _NewFile | None:
        name, seen = stored_path(path, self.landing), _UNREAD
        try:
            with open_landing(path) as stream:
                seen = fingerprint(stream)
                if seen.checksum in self.books.known:
                    return None
                header = read_header(stream)
                check_header(self.contract, header)
        except HeaderRefused as refusal:
            self._refuse(name, seen, str(refusal))
            return None
        except OSError as error:
            self._refuse(name, seen, f"the file cannot be read: {error.strerror}")
            return None
        return _NewFile(path=path, name=name, header=header, seen=seen)

    def _refuse(self, name: str, seen: Fingerprint, reason: str) -> None:
        if self.books.refuse(name, seen, reason):
            log.warning("%s is refused: %s", name, reason)

    def _load_one(self, new: _NewFile, *, plainly: bool) -> None:
        try:
            if not (plainly and is_plain(self.contract) and self._try_plainly([new])):
                self._guarded(new, lambda: self._load_carefully(new))
        except _Changed:
            log.warning("%s was written to while it was read; the next run takes it in", new.name)
        except OSError as error:
            self._refuse(new.name, new.seen, f"the file cannot be read: {error.strerror}")

    def _try_plainly(self, batch: list[_NewFile]) -> bool:
        try:
            self._guarded(batch[0], lambda: self._load_plainly(batch))
        except (NotPlain, _Changed, OSError):
            return False
        return True

    def _guarded(self, new: _NewFile, work: Callable[[], None]) -> None:
        """Run a transaction; roll it back when it fails, and let no words of PostgreSQL's out: they may be data."""
        failure = None
        try:
            work()
        except psycopg.Error as error:
            failure = f"PostgreSQL reported {type(error).__name__} ({error.sqlstate})"
        finally:
            if not self.conn.closed:
                self.conn.rollback()  # nothing, unless something went wrong
        if failure:  # raised here, so that the error does not come along as its context
            raise SourceError(f"{new.name}: {failure}; its own words may hold data and are left out")

    def _load_plainly(self, batch: list[_NewFile]) -> None:
        file_ids = self.books.add([(new.name, new.seen) for new in batch])
        mine = [(file_id, new) for file_id, new in zip(file_ids, batch, strict=True) if file_id is not None]
        streams = ((file_id, stream) for file_id, new in mine for stream in new.open())
        rows = load_plain(
            self.conn, self.contract, batch[0].header, streams, load_id=self.books.begin(), latest=self._latest()
        )
        counts = [Counts(read=n, loaded=n, quarantined=0) for n in rows]
        self.books.count([(file_id, c, None) for (file_id, _), c in zip(mine, counts, strict=True)])

    def _load_carefully(self, new: _NewFile) -> None:
        (file_id,) = self.books.add([(new.name, new.seen)])
        if file_id is None:
            return  # another run was quicker
        careful = Careful(
            conn=self.conn, contract=self.contract, header=new.header, keys=self.keys, load_id=self.books.begin(),
            file_id=file_id, now=self.clock.now(), latest=self._latest(),
        )  # fmt: skip
        ((counts, unfinished),) = [careful.load(stream) for stream in new.open()]
        self.books.count([(file_id, counts, _CUT if unfinished else None)])

    def _latest(self) -> dt.datetime:
        return latest_instant(self.clock.business_date(), self.clock.time_zone)
