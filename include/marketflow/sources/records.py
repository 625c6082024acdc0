"""Reads a CSV record by record, and after any damage goes on at the next line, so that neighbours arrive.

The grammar is RFC 4180's, strictly, in UTF-8 (`readers.transcode` brings other encodings to it). Memory is bounded
whatever the file holds: a line or a record of more than 1 MiB is taken as damage, and only its beginning is kept.
"""

from __future__ import annotations

import csv
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

from marketflow.sources.errors import HeaderRefused
from marketflow.sources.readers.block import KEPT, LIMIT


@dataclass(frozen=True, slots=True)
class Dialect:
    """How a CSV is written. `quote` empty: nothing is quoted. `encoding` is for the words of errors."""

    delimiter: str = ","
    quote: str = '"'
    encoding: str = "UTF-8"

    @property
    def options(self) -> dict[str, Any]:
        """For csv.reader."""
        if not self.quote:
            return {"delimiter": self.delimiter, "quoting": csv.QUOTE_NONE, "quotechar": None, "strict": True}
        return {"delimiter": self.delimiter, "quotechar": self.quote, "strict": True}


@dataclass(frozen=True, slots=True)
class Record:
    """One record: its number (the first after the header is 1), its fields or what is wrong, its bytes."""

    number: int
    fields: list[str] | None
    reason: str | None
    payload: bytes  # the first KEPT bytes
    size: int  # of all bytes
    unfinished: bool  # the file ends with it, without a line end


class LineStream(Protocol):
    """What records are read from."""

    def readline(self, limit: int, /) -> bytes:
        """The next line or its first `limit` bytes; empty at the end."""


class _Damage(Exception):
    """Raised while a line is fetched; the message is a stored reason."""


@dataclass(frozen=True, slots=True)
class _Line:
    data: bytes
    size: int

    @property
    def is_cut(self) -> bool:
        return self.size > len(self.data)


class _Lines:
    """Physical lines as text for csv.reader; `held` are those of the present record, `give_back` returns some."""

    def __init__(self, stream: LineStream, encoding: str) -> None:
        self._stream, self._encoding = stream, encoding
        self.again: deque[_Line] = deque()
        self.held: list[_Line] = []
        self._held_size = 0

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        line = self.again.popleft() if self.again else self._fetch()
        if not line.size:
            raise StopIteration
        self.held.append(line)
        self._held_size += line.size
        if line.is_cut:
            raise _Damage("the record is longer than 1 MiB")
        if self._held_size > LIMIT:
            raise _Damage("a quote is not closed within 1 MiB")
        if b"\0" in line.data:
            raise _Damage("the record holds a NUL byte")
        try:
            return line.data.decode()
        except UnicodeDecodeError:
            raise _Damage(f"the record is not {self._encoding}") from None

    def _fetch(self) -> _Line:
        data = self._stream.readline(LIMIT)
        size = len(data)
        if size == LIMIT and not data.endswith(b"\n"):
            while rest := self._stream.readline(LIMIT):
                size += len(rest)
                if rest.endswith(b"\n"):
                    break
            return _Line(data[:KEPT], size)
        return _Line(data, size)

    def release(self) -> list[_Line]:
        """The lines of the record that is now complete."""
        lines, self.held, self._held_size = self.held, [], 0
        return lines

    def keep_first(self) -> list[_Line]:
        """Give back all lines of the present record but the first: they are read again as records of their own."""
        lines = self.release()
        self.again.extendleft(reversed(lines[1:]))
        return lines[:1]


class RecordReader:
    """Records one after the other; between two of them it may be left, and what it has read too much taken back."""

    def __init__(self, stream: LineStream, width: int, dialect: Dialect = Dialect()) -> None:
        """`width` is the number of columns."""
        self._lines = _Lines(stream, dialect.encoding)
        self._reader = csv.reader(self._lines, **dialect.options)
        self._width = width

    def next(self, number: int) -> Record | None:
        """The next record, good or bad, which gets this number; None at the end. Blank lines are no records."""
        while True:
            try:
                fields, reason = next(self._reader), None
            except StopIteration:
                return None
            except _Damage as damage:
                fields, reason = None, str(damage)
            except csv.Error as error:
                fields, reason = None, _explain(error, lines=len(self._lines.held))
            if fields != []:
                return _record(self._lines, number, self._width, fields, reason)
            self._lines.release()

    def take_back(self) -> bytes:
        """The lines that were read and belong to no record yet."""
        lines, self._lines.again = self._lines.again, deque()
        return b"".join(line.data for line in lines)


def read_header(stream: LineStream, dialect: Dialect = Dialect()) -> tuple[str, ...]:
    """The names in the first line, without a byte-order mark; raises HeaderRefused."""
    line = stream.readline(LIMIT)
    if not line:
        raise HeaderRefused("the file is empty")
    try:
        text = line.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text:
        raise HeaderRefused(f"this is not a text file in {dialect.encoding}")
    try:
        rows = list(csv.reader([text], **dialect.options))
    except csv.Error:
        raise HeaderRefused("the first line is not a header: its quotes or line ends do not fit") from None
    if not rows or not rows[0]:
        raise HeaderRefused("the first line is blank; it must be the header")
    return tuple(rows[0])


def read_records(stream: LineStream, width: int, dialect: Dialect = Dialect()) -> Iterator[Record]:
    """All records, good and bad; blank lines are none. `width` is the number of columns."""
    reader, number = RecordReader(stream, width, dialect), 0
    while record := reader.next(number + 1):
        number += 1
        yield record


def _record(lines: _Lines, number: int, width: int, fields: list[str] | None, reason: str | None) -> Record:
    count = width if fields is None else len(fields)
    if count != width:
        fields, reason = None, f"{count} fields instead of {width}"
    held = lines.release() if reason is None else lines.keep_first()
    payload = held[0].data if len(held) == 1 else b"".join(line.data for line in held)
    unfinished = not held[-1].is_cut and not held[-1].data.endswith((b"\n", b"\r"))
    return Record(number, fields, reason, payload[:KEPT], sum(line.size for line in held), unfinished)


def _explain(error: csv.Error, lines: int) -> str:
    """csv's errors hold no data, but their words are not for people."""
    words = str(error)
    if "field limit" in words or "field larger" in words:
        return "a field is longer than 128 KiB" if lines == 1 else "a quote is not closed within 128 KiB"
    if "unexpected end of data" in words:
        return "a quote is never closed"
    return "quotes or line ends within the record do not fit"
