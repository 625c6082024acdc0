"""The rows of a source that wait in quarantine, as a place: they can be read again, as they came or repaired.

Only rows that were told apart into columns can be read; of loads that the gate refused none is, since the rest of them
is not in core either.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg.rows import namedtuple_row

from marketflow.privacy import QUARANTINE, KeyRing
from marketflow.sources.places.item import Fingerprint, Window
from marketflow.sources.readers.block import BLOCK_BYTES, Block, Reader
from marketflow.warehouse import queries

if TYPE_CHECKING:
    import pyarrow as pa

_ROWS = 10_000  # in one item, which is one transaction
Repairs = Mapping[str, str | None]


@dataclass(frozen=True, kw_only=True)
class Selection:
    """Which waiting rows are meant; what is None does not narrow it.

    reason: a part of the stored reason, capital or small letters alike. day_from, day_to: the shop's days on which
    the rows were put into quarantine, both included. numbers: record numbers, which each file counts from 1.
    """

    reason: str | None = None
    load_id: int | None = None
    day_from: dt.date | None = None
    day_to: dt.date | None = None
    numbers: tuple[int, ...] | None = None


@dataclass(frozen=True, kw_only=True)
class WaitingRow:
    """A row in quarantine: its number in its file, and its columns as texts."""

    quarantine_id: int
    number: int
    fields: dict[str, str | None] = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class WaitingRows:
    """Rows of one file, with the file's own number and time: they count as if they had been good then. An Item."""

    name: str
    file_id: int
    version_at: dt.datetime
    header: tuple[str, ...]
    rows: tuple[WaitingRow, ...] = field(repr=False)

    @property
    def window(self) -> Window | None:
        """None: whatever the rows came from, they are read from here now."""
        return None

    def fingerprint(self) -> Fingerprint:
        """Of the rows' own numbers."""
        ids = ",".join(str(row.quarantine_id) for row in self.rows)
        return Fingerprint(checksum=hashlib.sha256(f"replay {ids}".encode()).digest(), size=self.size)

    @property
    def size(self) -> int:
        """Characters of all values."""
        return sum(len(v) for row in self.rows for v in row.fields.values() if v)

    @contextmanager
    def read(self) -> Iterator[Reader]:
        """One block of all rows."""
        yield _Rows(self)


@dataclass(frozen=True)
class _Rows:
    """The Reader of WaitingRows."""

    item: WaitingRows

    @property
    def header(self) -> tuple[str, ...]:
        return self.item.header

    def blocks(self) -> Iterator[Block]:
        import pyarrow as pa

        rows = self.item.rows
        numbers = pa.array([row.number for row in rows], pa.int32())
        yield Block(numbers=numbers, rows=pa.table({name: self._column(name) for name in self.header}))

    def _column(self, name: str) -> pa.Array:
        import pyarrow as pa

        return pa.array([row.fields.get(name) for row in self.item.rows], pa.string())


@dataclass(frozen=True, kw_only=True)
class QuarantinePlace:
    """The waiting rows of a source; a Place. Rows that are marked or mended meanwhile are not given twice."""

    conn: psycopg.Connection
    source: str
    selection: Selection
    keys: KeyRing
    time_zone: str
    repairs: Repairs = field(default_factory=dict)

    def counts(self) -> tuple[int, int, int]:
        """(rows that can be read, rows that were never told apart into columns, rows of loads that did not pass)."""
        row = self.conn.execute(queries("quarantine")["count_waiting"], self._values).fetchone()
        return (int(row[0]), int(row[1]), int(row[2])) if row else (0, 0, 0)

    def items(self) -> Iterator[WaitingRows]:
        """Some rows of one file at a time, files in the order of their times."""
        with self.conn.cursor(row_factory=namedtuple_row) as cursor:
            files: list[Any] = cursor.execute(queries("quarantine")["waiting_files"], self._values).fetchall()
        for file in files:
            after = 0
            while rows := self._rows(file.file_id, after):
                after = rows[-1].number
                yield self._item(file, rows)

    def _item(self, file: Any, rows: list[WaitingRow]) -> WaitingRows:
        # Not the file's own header: a column that the source did not use then is not in the rows, and to read it as
        # absent would be a silent loss.
        known = [name for name in rows[0].fields if all(name in row.fields for row in rows)]
        return WaitingRows(
            name=f"quarantine of {file.path}", file_id=file.file_id, version_at=file.version_at,
            header=tuple(known), rows=tuple(rows),
        )  # fmt: skip

    def _rows(self, file_id: int, after: int) -> list[WaitingRow]:
        values = {**self._values, "file_id": file_id, "after": after, "rows": _ROWS, "bytes": BLOCK_BYTES}
        return [
            WaitingRow(quarantine_id=key, number=number, fields=self._fields(payload))
            for key, number, payload in self.conn.execute(queries("quarantine")["waiting_rows"], values)
        ]

    def _fields(self, payload: bytes) -> dict[str, str | None]:
        found: dict[str, str | None] = json.loads(self.keys.decrypt(bytes(payload), QUARANTINE))
        return {**found, **self.repairs}

    @property
    def _values(self) -> dict[str, Any]:
        chosen = self.selection
        return {
            "source": self.source, "reason": chosen.reason, "load_id": chosen.load_id, "day_from": chosen.day_from,
            "day_to": chosen.day_to, "numbers": list(chosen.numbers) if chosen.numbers else None,
            "time_zone": self.time_zone,
        }  # fmt: skip
