"""`replay_quarantine`: rows that were bad are read again, under today's source file or repaired, and loaded if good."""

from __future__ import annotations

import json
import logging
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import psycopg

from marketflow.privacy import KeyRing
from marketflow.shared import Clock, ConfigurationError, Shop, SourceError, settings
from marketflow.shared.explain import nearest
from marketflow.sources.contracts import latest_instant
from marketflow.sources.copying import copy_portion
from marketflow.sources.definition import Source
from marketflow.sources.errors import HeaderRefused
from marketflow.sources.header import check_header
from marketflow.sources.manifest import Books, Counts, Entry, one_at_a_time
from marketflow.sources.mapping import Mapper, Part, Portion, database
from marketflow.sources.places.quarantine import QuarantinePlace, Repairs, Selection, WaitingRows
from marketflow.warehouse import queries

if TYPE_CHECKING:
    import duckdb

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class ReplaySummary:
    """What became of the selected rows: looked_at = arrived + waiting.

    load_id: the load in which they arrived (in a dry run: None, and `arrived` says how many would). reasons: of those
    that wait on, by what is wrong with them now. unreadable: beside them, rows that were never told apart into columns;
    held: rows of loads that did not pass the gate. records: rows in raw per record.
    """

    load_id: int | None
    source: str
    looked_at: int = 0
    arrived: int = 0
    waiting: int = 0
    unreadable: int = 0
    held: int = 0
    reasons: Mapping[str, int] = field(default_factory=dict)
    records: Mapping[str, int] = field(default_factory=dict)


def replay_quarantine(
    conn: psycopg.Connection, source: Source, selection: Selection, *, keys: KeyRing, clock: Clock, shop: Shop,
    repairs: Repairs | None = None, actor: str, dry_run: bool = False,
) -> ReplaySummary:  # fmt: skip
    """Read waiting rows of `source` again and load the good ones as a new load of the kind `replay`; commits.

    A row keeps its file, its number and its time: it counts as if it had been good then, and never replaces a newer
    version. `repairs` (column of the file: value, None for absent) are set on every selected row first. Rows that are
    still bad wait on with the new reason. Each row arrives once, however often and at how many places this runs.
    `actor` is who wants it: that payloads are read is written to privacy.audit_log. A dry run changes nothing else.
    Raises ConfigurationError for a repair of an unknown column, SourceError when the database fails.
    """
    if conn.autocommit:
        raise ConfigurationError("replay_quarantine needs a connection without autocommit")
    _check_repairs(source, repairs or {})
    place = QuarantinePlace(
        conn=conn, source=source.name, selection=selection, keys=keys, time_zone=clock.time_zone.key,
        repairs=dict(repairs or {}),
    )  # fmt: skip
    with one_at_a_time(conn, source), database(settings().home / "tmp") as con:
        again = _Replay(
            conn=conn, source=source, clock=clock, books=None if dry_run else Books(conn, source, clock, "replay")
        )
        mapped = _Mappers(con, source, keys=keys, clock=clock, shop=shop)
        readable, again.unreadable, again.held = place.counts()
        again.note_reading(actor, readable)
        try:
            for item in place.items():
                again.take(item, mapped)
            return again.finish()
        finally:
            again.leave()


class _Mappers:
    """A mapper for each header."""

    def __init__(
        self, con: duckdb.DuckDBPyConnection, source: Source, *, keys: KeyRing, clock: Clock, shop: Shop
    ) -> None:
        self.con, self.source, self.keys, self.shop = con, source, keys, shop
        self.latest = latest_instant(clock.business_date(), clock.time_zone)
        self.made: dict[tuple[str, ...], Mapper] = {}

    def __call__(self, header: tuple[str, ...]) -> Mapper:
        if header not in self.made:
            self.made[header] = Mapper(
                self.con,
                self.source,
                header,
                keys=self.keys,
                latest=self.latest,
                country=self.shop.country,
            )
        return self.made[header]


@dataclass(kw_only=True)
class _Replay:
    """One run: what it did so far, and the books in which it is entered; a dry run is in none."""

    conn: psycopg.Connection
    source: Source
    clock: Clock
    books: Books | None
    arrived: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    records: Counter[str] = field(default_factory=Counter)
    unreadable: int = 0
    held: int = 0

    def note_reading(self, actor: str, rows: int) -> None:
        """Somebody wants personal data to be read: that is written down first."""
        action = "replay_quarantine" if self.books else "replay_quarantine, dry run"
        values = {"actor": actor, "action": action, "object": f"ops.quarantine of {self.source.name}", "records": rows}
        self.conn.execute(queries("quarantine")["note_reading"], {**values, "now": self.clock.now()})
        self.conn.commit()

    def take(self, item: WaitingRows, mapped: _Mappers) -> None:
        """Judge the item's rows and, unless it is a dry run, write down what becomes of them in one transaction."""
        failure = None
        try:
            self._take(item, mapped)
        except psycopg.Error as error:
            failure = f"PostgreSQL reported {type(error).__name__} ({error.sqlstate})"
        finally:
            if not self.conn.closed:
                self.conn.rollback()  # nothing, unless something went wrong
        if failure:  # raised here, so that the error, whose words may be data, does not come along
            raise SourceError(f"{item.name}: {failure}; its own words may hold data and are left out")

    def finish(self) -> ReplaySummary:
        """Close the load, if there is one."""
        load_id = self.books.finish().load_id if self.books else None
        waiting = self.reasons.total()
        return ReplaySummary(
            load_id=load_id, source=self.source.name, looked_at=self.arrived + waiting, arrived=self.arrived,
            waiting=waiting, unreadable=self.unreadable, held=self.held, reasons=dict(self.reasons.most_common()),
            records=dict(self.records),
        )  # fmt: skip

    def leave(self) -> None:
        """Let go of an unfinished load, after an error: the next run goes on with it."""
        if self.books:
            self.books.leave()

    def _take(self, item: WaitingRows, mapped: _Mappers) -> None:
        # The load's number stands in every row, so the load is begun before it is known whether any is good. One that
        # brings nothing is taken back at the end.
        load_id = self.books.begin() if self.books else 0
        try:
            check_header(self.source, item.header)
            portion = _judged(item, mapped(item.header), load_id)
            bad = {q.record_no: (q.reason, q.column) for q in portion.bad}
        except HeaderRefused as refusal:  # the mended source file wants columns that these rows never had
            portion = Portion()
            bad = {row.number: (str(refusal), None) for row in item.rows}
        good = [row.quarantine_id for row in item.rows if row.number not in bad]
        if self.books:
            self._note_bad(item, bad)
            self._write(self.books, item, portion, good)
        self.arrived += len(good)
        self.records.update(portion.rows)
        self.reasons.update(reason for reason, _ in bad.values())

    def _write(self, books: Books, item: WaitingRows, portion: Portion, good: list[int]) -> None:
        if not good:
            self.conn.commit()
            return
        seen = item.fingerprint()
        entry = Entry(item=item, seen=seen, header=item.header, version_at=item.version_at)
        (file_id,) = books.add([entry])
        assert file_id is not None  # each row stands in one item of one load
        copy_portion(self.conn, portion)
        marked = {"load_id": books.begin(), "now": self.clock.now(), "rows": good}
        if self.conn.execute(queries("quarantine")["mark_replayed"], marked).rowcount != len(good):
            raise SourceError(f"{item.name}: somebody else is replaying these rows")
        books.count({file_id: Counts(read=len(good), quarantined=0)}, {}, portion.rows)

    def _note_bad(self, item: WaitingRows, bad: Mapping[int, tuple[str, str | None]]) -> None:
        rows = [(row.quarantine_id, *bad[row.number]) for row in item.rows if row.number in bad]
        if rows:
            ids, reasons, columns = map(list, zip(*rows, strict=True))
            values = {"rows": ids, "reasons": reasons, "columns": columns}
            self.conn.execute(queries("quarantine")["note_reason"], values)


def _judged(item: WaitingRows, mapper: Mapper, load_id: int) -> Portion:
    with item.read() as reader:
        (block,) = reader.blocks()
    mapper.forget()
    return mapper.map(load_id, [Part(file_id=item.file_id, version_at=item.version_at, block=block)])


def _check_repairs(source: Source, repairs: Repairs) -> None:
    for column in repairs:
        if column not in source.used_columns:
            raise ConfigurationError(f"{source.name} uses no column {column!r}{nearest(column, source.used_columns)}")


def read_repairs(text: str) -> dict[str, str | None]:
    """Repairs as people write them: a JSON object of texts, numbers and null. Raises ConfigurationError."""
    try:
        found = json.loads(text or "{}")
    except ValueError:
        raise ConfigurationError('the repairs are not JSON such as {"quantity": "1"}') from None
    if not isinstance(found, dict) or any(isinstance(v, bool | dict | list) for v in found.values()):
        raise ConfigurationError('the repairs are not a JSON object of texts such as {"quantity": "1"}')
    return {column: None if value is None else str(value) for column, value in found.items()}
