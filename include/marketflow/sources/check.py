"""`check_source`: reads a sample and says what would happen, before anything is loaded and without a warehouse.

It goes the way of a load: the same places, readers and judgement. Nothing is stored; keys are made up for the occasion.
No message shows a value of a personal column, only its column and what is wrong.
"""

from __future__ import annotations

import datetime as dt
import tempfile
from collections import Counter
from collections.abc import Generator, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any

from marketflow.privacy import KeyRing, generate_key_ring
from marketflow.shared import Clock, Shop, SourceError
from marketflow.sources.contracts import contract_of, latest_instant
from marketflow.sources.definition import Source
from marketflow.sources.errors import HeaderRefused
from marketflow.sources.facts import Facts, facts_of
from marketflow.sources.header import check_header
from marketflow.sources.mapping import Mapper, Part, Portion, database
from marketflow.sources.places.item import Item, Place
from marketflow.sources.readers.block import Block
from marketflow.sources.unknown_words import unknown_words

if TYPE_CHECKING:
    import pyarrow as pa

_SHOWN, _OF_A_KIND = 10, 3  # errors in all, and of one reason


@dataclass(frozen=True, kw_only=True)
class Problem:
    """What is wrong with a row: file, number of the record in it, column (None: the whole row), and reason."""

    item: str
    record_no: int
    record: str
    column: str | None
    reason: str


@dataclass(kw_only=True)
class Report:
    """What a sample shows. `refused`: items that would not be taken in, with the reason.

    unknown: by record and column, the words that `replace` does not know, and in how many rows they stand.
    """

    source: Source
    limit: float  # share of bad rows above which a load stops
    items: list[str] = field(default_factory=list)
    looked_at: list[str] = field(default_factory=list)
    header: tuple[str, ...] = ()
    refused: dict[str, str] = field(default_factory=dict)
    read: int = 0
    bad: int = 0
    is_whole: bool = True  # everything was read, not only a sample
    reasons: Counter[tuple[str, str | None, str]] = field(default_factory=Counter)  # record, column, reason
    problems: list[Problem] = field(default_factory=list)
    facts: dict[str, Facts] = field(default_factory=dict)
    unknown: dict[tuple[str, str], Counter[str]] = field(default_factory=dict)

    @property
    def would_stop(self) -> str | None:
        """Why a load of this would not reach core; None: it would."""
        if not self.items:
            return "there is nothing to load"
        if self.refused and len(self.refused) == len(self.looked_at):
            return "no file can be used"
        if self.refused:
            return f"{len(self.refused)} of {len(self.looked_at)} files would be refused"
        share = self.bad / self.read if self.read else 0.0
        return f"{share:.1%} of the rows are bad, more than {self.limit:.1%}" if share > self.limit else None


def check_source(
    source: Source, place: Place, *, clock: Clock, shop: Shop, sample: int = 200_000, limit: float = 0.05
) -> Report:
    """Read up to `sample` rows of the first items at `place`.

    Raises SourceError and ConfigurationError when the place cannot be reached at all; what is wrong with a file stands
    in the report.
    """
    allowed = source.quality.quarantined
    report = Report(source=source, limit=limit if allowed is None else allowed)
    with tempfile.TemporaryDirectory(prefix="marketflow-check-") as scratch, database(Path(scratch)) as con:
        look = _Look(report=report, con=con, keys=KeyRing.from_json(generate_key_ring()), clock=clock, shop=shop)
        for item in place.items():
            report.items.append(item.name)
            if report.read < sample:
                look.at(item, sample - report.read)
            else:
                report.is_whole = False
    report.facts = {record: facts_of(contract_of(record), tables) for record, tables in look.made.items()}
    return report


@dataclass(frozen=True, kw_only=True)
class _Look:
    """The sample on its way through the mapping."""

    report: Report
    con: Any
    keys: KeyRing
    clock: Clock
    shop: Shop
    made: dict[str, list[pa.Table]] = field(default_factory=dict)  # by record, what would be in raw

    def at(self, item: Item, rows: int) -> None:
        """Read the first rows of an item."""
        self.report.looked_at.append(item.name)
        try:
            _check_name(self.report.source, item)
            with item.read() as reader:
                self.report.header = self.report.header or reader.header
                if not self._can_be_mapped(item.name, reader.header):
                    return
                with closing(self._portions(reader.header, reader.blocks(), rows)) as portions:
                    for portion in portions:
                        self._note(item.name, portion)
        except OSError as error:
            self.report.refused[item.name] = f"the file cannot be read: {error.strerror}"
        except SourceError as error:
            self.report.refused[item.name] = str(error)

    def _can_be_mapped(self, name: str, header: tuple[str, ...]) -> bool:
        """Note what is wrong with the columns; with new ones alone the rows can be looked at all the same."""
        source = self.report.source
        try:
            check_header(source, header)
        except HeaderRefused as refusal:
            self.report.refused[name] = str(refusal)
            twice = any(header.count(column) > 1 for column in source.used_columns)
            return set(source.needed_columns) <= set(header) and not twice
        return True

    def _portions(self, header: tuple[str, ...], blocks: Iterator[Block], rows: int) -> Generator[Portion, None, None]:
        source, latest = self.report.source, latest_instant(self.clock.business_date(), self.clock.time_zone)
        mapper = Mapper(self.con, source, header, keys=self.keys, latest=latest, country=self.shop.country)
        now = self.clock.now()  # one for the file, as in a load: rows that are the same are stored once
        for block in blocks:
            some = _first(block, rows)
            rows -= len(some.numbers) + len(some.bad)
            for place, words in unknown_words(source, some.rows):
                self.report.unknown.setdefault(place, Counter()).update(words)
            yield mapper.map(0, [Part(file_id=0, version_at=now, block=some)])
            if rows <= 0:
                self.report.is_whole = False
                return

    def _note(self, name: str, portion: Portion) -> None:
        self.report.read += portion.read.total()
        self.report.bad += len(portion.bad)
        for bad in sorted(portion.bad, key=lambda bad: bad.record_no):
            self.report.reasons[bad.record, bad.column, bad.reason] += 1
            same = self.report.reasons[bad.record, bad.column, bad.reason]
            if len(self.report.problems) < _SHOWN and same <= _OF_A_KIND:
                self.report.problems.append(
                    Problem(item=name, record_no=bad.record_no, record=bad.record, column=bad.column, reason=bad.reason)
                )
        for record, rows in portion.copies.items():
            self.made.setdefault(record, []).append(_texts(rows))


def _first(block: Block, rows: int) -> Block:
    """The first `rows` records of a block, good and bad together."""
    count = len(block.numbers) + len(block.bad)
    if count <= rows:
        return block
    numbers = sorted([*block.numbers.to_pylist(), *(bad.number for bad in block.bad)])
    last = numbers[rows - 1]
    kept = sum(1 for number in block.numbers.to_pylist() if number <= last)
    bad = [b for b in block.bad if b.number <= last]
    return Block(block.numbers.slice(0, kept), block.rows.slice(0, kept), bad)


def _check_name(source: Source, item: Item) -> None:
    dated = source.from_.dated
    try:
        if dated and item.window is None:
            dt.datetime.strptime(PurePath(item.name).name, dated)  # noqa: DTZ007 - only whether it fits
    except ValueError:
        raise SourceError(f"the file's name is not of the form {dated}") from None


def _texts(rows: pa.Table) -> pa.Table:
    """What COPY would be given, as texts; what is encrypted or hashed tells nothing, and is left out."""
    import pyarrow as pa

    names = [f.name for f in rows.schema if not pa.types.is_binary(f.type)]
    return pa.table({n: _text(rows[n]) for n in names})


def _text(values: pa.ChunkedArray) -> pa.ChunkedArray:
    """Instants are in UTC, and their texts say so. Arrow writes those that have a zone thirty times as slowly."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if not pa.types.is_timestamp(values.type):
        return values.cast(pa.string())
    return pc.binary_join_element_wise(values.cast(pa.timestamp("us")).cast(pa.string()), "Z", "")
