"""`take_in`: everything new at a source's place, in one load; no file and no window is ever taken in by half."""

from __future__ import annotations

import datetime as dt
import logging
from collections import Counter
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import ExitStack, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import PurePath
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import psycopg

from marketflow.privacy import KeyRing
from marketflow.shared import Clock, ConfigurationError, Shop, SourceError, settings
from marketflow.sources.ahead import ahead
from marketflow.sources.contracts import latest_instant
from marketflow.sources.copying import copy_portion, copy_quarantined
from marketflow.sources.definition import Source
from marketflow.sources.errors import ContentChanged, DatabaseFailed, HeaderRefused, in_own_words
from marketflow.sources.header import check_header
from marketflow.sources.manifest import Books, Counts, Entry, LoadSummary, one_at_a_time
from marketflow.sources.mapping import Judged, Mapper, Part, Portion, database
from marketflow.sources.places.item import Fingerprint, Item, Place
from marketflow.sources.readers.block import BLOCK_BYTES, BLOCK_ROWS, Reader

if TYPE_CHECKING:
    import duckdb

log = logging.getLogger(__name__)
_BATCH_BYTES, _BATCH_FILES = 4 << 20, 64  # small files share a transaction up to this
_TOLD = 5  # names of files in one line of the log
_UNREAD = Fingerprint(checksum=b"", size=0)
_CUT = "the file does not end with a line end: its last record may be cut"


def take_in(
    conn: psycopg.Connection, source: Source, place: Place, *, keys: KeyRing, clock: Clock, shop: Shop
) -> LoadSummary:
    """Take all that is new at `place` into raw and return the load in numbers; `load_id` None: nothing new.

    Commits what the caller has open on `conn`, then file by file (small ones some at a time). Runs may overlap, and
    one that is killed leaves whole files only: the next run goes on with its load. A file is known by its content's
    checksum (and, where the source is dated, by its day); one that has the content of an earlier one is entered as
    repeated, one that cannot be used as refused with the reason, and the others go on.
    Raises SourceError when the place cannot be listed or the database fails; no message holds data.
    """
    if conn.autocommit:
        raise ConfigurationError("take_in needs a connection without autocommit: it commits whole files")
    conn.commit()
    with one_at_a_time(conn, source) if source.from_.sql else nullcontext(), database(settings().home / "tmp") as con:
        books = Books(conn, source, clock)
        intake = _Intake(conn=conn, con=con, source=source, keys=keys, clock=clock, shop=shop, books=books)
        try:
            for batch in intake.batches(place.items()):
                intake.load(batch)
            return replace(books.finish(), still_refused=intake.tell_of_refused())
        finally:
            books.leave()


@dataclass(frozen=True, kw_only=True)
class _Intake:
    """The files of one run on their way in."""

    conn: psycopg.Connection
    con: duckdb.DuckDBPyConnection
    source: Source
    keys: KeyRing
    clock: Clock
    shop: Shop
    books: Books
    mappers: dict[tuple[str, ...], Mapper] = field(default_factory=dict)
    refused_before: list[str] = field(default_factory=list)  # files that are refused again, as by an earlier run

    def batches(self, items: Iterator[Item]) -> Iterator[list[tuple[Item, Fingerprint]]]:
        """What is new, in order: some small files, or one large one, or one window, at a time."""
        batch: list[tuple[Item, Fingerprint]] = []
        for item in items:
            seen = self._look_at(item)
            if seen is None:
                continue
            size = sum(s.size for _, s in batch) + seen.size
            is_there = any(s.checksum == seen.checksum for _, s in batch)
            if batch and (size > _BATCH_BYTES or len(batch) == _BATCH_FILES or item.window or is_there):
                yield batch
                batch = []
            if self._is_new(item, seen):
                batch.append((item, seen))
        if batch:
            yield batch

    def load(self, batch: Sequence[tuple[Item, Fingerprint]]) -> None:
        """Take the items in, together; one by one when something is wrong with any of them."""
        self.books.begin()
        if len(batch) > 1:
            try:
                self._guarded(batch)
            except (SourceError, OSError):
                pass
            else:
                return
        for item, seen in batch:
            self._load_one(item, seen)

    def tell_of_refused(self) -> int:
        """How many files were refused again: each run says so, or a file that waits for somebody is forgotten."""
        if again := self.refused_before:
            named = ", ".join(again[:_TOLD])
            log.warning("%s: %s files are still refused, such as %s", self.source.name, len(again), named)
        return len(again)

    def _look_at(self, item: Item) -> Fingerprint | None:
        """The item's fingerprint; None when it cannot be read. Of a dated file its day is part of what it says."""
        seen = _UNREAD
        try:
            seen = item.fingerprint()
            return seen.as_of(self._version_at(item)) if self.source.from_.dated else seen
        except ContentChanged:
            log.warning("%s was written to while it was read; the next run takes it in", item.name)
        except (SourceError, OSError) as error:
            self._refuse(item, seen, error)
        return None

    def _is_new(self, item: Item, seen: Fingerprint) -> bool:
        """Was this content never taken in? If it was, from another file or long ago from this one, say so once."""
        known_as = self.books.known.get(seen.checksum)
        if known_as is None:
            return True
        if item.window is None and self.books.repeat(item.name, seen, known_as):
            log.warning("%s has the same content as %s and is not loaded again", item.name, known_as)
        return False

    def _load_one(self, item: Item, seen: Fingerprint) -> None:
        try:
            self._guarded([(item, seen)])
        except ContentChanged:
            log.warning("%s was written to while it was read; the next run takes it in", item.name)
        except DatabaseFailed:
            raise
        except (SourceError, OSError) as error:
            self._refuse(item, seen, error)

    def _refuse(self, item: Item, seen: Fingerprint, error: SourceError | OSError) -> None:
        reason = f"the file cannot be read: {error.strerror}" if isinstance(error, OSError) else str(error)
        if self.books.refuse(item.name, seen, reason):
            log.warning("%s is refused: %s", item.name, reason)
        else:
            self.refused_before.append(item.name)

    def _guarded(self, batch: Sequence[tuple[Item, Fingerprint]]) -> None:
        """Run a transaction; roll it back when it fails, and let no words of PostgreSQL's or a library's out."""
        failure = None
        try:
            self._load_together(batch)
        except (SourceError, ConfigurationError, OSError, MemoryError):
            raise
        except Exception as error:  # noqa: BLE001 - whatever a file brings about: the others go on
            failure = in_own_words(batch[0][0].name, error)
        finally:
            if not self.conn.closed:
                self.conn.rollback()  # nothing, unless something went wrong
        if failure:  # raised here, so that the error does not come along as its context
            raise failure
        self.books.know((item.name, seen.checksum) for item, seen in batch)

    def _load_together(self, batch: Sequence[tuple[Item, Fingerprint]]) -> None:
        with ExitStack() as opened:
            readers = [opened.enter_context(item.read()) for item, _ in batch]
            entries = [self._entry(*new, reader) for new, reader in zip(batch, readers, strict=True)]
            file_ids = self.books.add(entries)
            files = [
                _File(file_id=file_id, entry=entry, reader=reader)
                for file_id, entry, reader in zip(file_ids, entries, readers, strict=True)
                if file_id is not None  # another run was quicker
            ]
            tally = self._copy(files)
        if batch[0][0].window and not tally.read.total():
            return  # rolled back: an empty window is not entered, and the next one begins where it did
        self.books.count(tally.counts(files), tally.notes, tally.records)

    def _entry(self, item: Item, seen: Fingerprint, reader: Reader) -> Entry:
        check_header(self.source, reader.header)
        return Entry(item=item, seen=seen, header=reader.header, version_at=self._version_at(item))

    def _version_at(self, item: Item) -> dt.datetime:
        """As of when records count that do not say it: the file's day, the window's end, or now."""
        if item.window:
            return item.window.until
        dated = self.source.from_.dated
        if dated is None:
            return self.clock.now()
        try:
            at = dt.datetime.strptime(PurePath(item.name).name, dated)  # noqa: DTZ007 - the zone comes next
        except ValueError:
            raise HeaderRefused(f"the file's name is not of the form {dated}") from None
        return at if at.tzinfo else at.replace(tzinfo=ZoneInfo(self.source.time_zone or self.shop.time_zone))

    def _copy(self, files: Sequence[_File]) -> _Tally:
        """Three work at once, each a block ahead of the next: a thread reads, one judges, this one makes rows of it."""
        tally = _Tally()
        for mapper in self.mappers.values():
            mapper.forget()
        with ahead(_parts(files)) as read, ahead(self._judged(files, read)) as found:
            for mapper, judged in found:
                portion = mapper.portion(judged)
                copy_portion(self.conn, portion)
                copy_quarantined(self.conn, self.books.begin(), portion, self.clock.now())
                tally.add(portion)
        tally.notes = {f.file_id: _CUT for f in files if f.is_cut}
        return tally

    def _judged(
        self, files: Sequence[_File], parts: Iterable[tuple[_File, Part]]
    ) -> Generator[tuple[Mapper, Judged], None, None]:
        """Blocks of the files, judged; blocks of small files with the same header together. Runs in a thread."""
        load_id = self.books.begin()
        for columns in {file.entry.header for file in files}:
            self._mapper(columns)  # while the first block is read
        gathered: list[Part] = []
        header: tuple[str, ...] = ()
        for file, part in parts:
            if gathered and (file.entry.header != header or _size([*gathered, part]) > 1):
                yield self._judge(header, load_id, gathered)
                gathered = []
            header = file.entry.header
            gathered.append(part)
            if file.entry.seen.size > BLOCK_BYTES:  # more blocks of it follow: nothing is gained by waiting for them
                yield self._judge(header, load_id, gathered)
                gathered = []
        if gathered:
            yield self._judge(header, load_id, gathered)

    def _judge(self, header: tuple[str, ...], load_id: int, parts: Sequence[Part]) -> tuple[Mapper, Judged]:
        mapper = self._mapper(header)
        return mapper, mapper.judge(load_id, parts)

    def _mapper(self, header: tuple[str, ...]) -> Mapper:
        if header not in self.mappers:
            latest = latest_instant(self.clock.business_date(), self.clock.time_zone)
            self.mappers[header] = Mapper(
                self.con, self.source, header, keys=self.keys, latest=latest, country=self.shop.country
            )
        return self.mappers[header]


@dataclass(kw_only=True)
class _File:
    """An opened file that is in the books."""

    file_id: int
    entry: Entry
    reader: Reader
    is_cut: bool = False

    def parts(self) -> Iterator[Part]:
        """Its blocks, with what the mapping needs to know of it."""
        for block in self.reader.blocks():
            self.is_cut = bool(getattr(self.reader, "unfinished", False))
            cut = self.is_cut and not any(bad.unfinished for bad in block.bad)
            yield Part(file_id=self.file_id, version_at=self.entry.version_at, block=block, cut=cut)


@dataclass(kw_only=True)
class _Tally:
    """What became of the rows of some files."""

    read: Counter[int] = field(default_factory=Counter)
    bad: Counter[int] = field(default_factory=Counter)
    records: Counter[str] = field(default_factory=Counter)
    notes: dict[int, str] = field(default_factory=dict)

    def add(self, portion: Portion) -> None:
        """Count a portion."""
        self.read.update(portion.read)
        self.bad.update(Counter(q.file_id for q in portion.bad))
        self.records.update(portion.rows)

    def counts(self, files: Sequence[_File]) -> dict[int, Counts]:
        """By file."""
        return {f.file_id: Counts(read=self.read[f.file_id], quarantined=self.bad[f.file_id]) for f in files}


def _parts(files: Sequence[_File]) -> Generator[tuple[_File, Part], None, None]:
    """The blocks of all files. Runs in a thread."""
    for file in files:
        for part in file.parts():
            yield file, part


def _size(parts: Sequence[Part]) -> float:
    """How much of a block they fill; above 1 they are too many."""
    rows = sum(len(p.block.numbers) for p in parts) / BLOCK_ROWS
    return max(rows, float(sum(p.block.rows.nbytes for p in parts)) / BLOCK_BYTES)
