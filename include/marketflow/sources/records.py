"""Reads a CSV file record by record, and after any damage goes on at the next line, so that neighbours arrive.

The grammar is RFC 4180's, strictly, in UTF-8. Memory is bounded whatever the file holds: a line or a record of more
than 1 MiB is taken as damage, and only its beginning is kept.
"""

from __future__ import annotations

import csv
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO

from marketflow.shared import SourceError

LIMIT = 1 << 20  # bytes of one record
KEPT = 1 << 16  # bytes of a bad record that go to quarantine


class HeaderRefused(SourceError):
    """The file's first line is not the header that the contract asks for; says how, without the line's words."""


@dataclass(frozen=True, slots=True)
class Record:
    """One record: its number (the first after the header is 1), its fields or what is wrong, its bytes."""

    number: int
    fields: list[str] | None
    reason: str | None
    payload: bytes  # the first KEPT bytes
    size: int  # of all bytes
    unfinished: bool  # the file ends with it, without a line end


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

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self._again: deque[_Line] = deque()
        self.held: list[_Line] = []
        self._held_size = 0

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        line = self._again.popleft() if self._again else self._fetch()
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
            raise _Damage("the record is not UTF-8") from None

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
        self._again.extendleft(reversed(lines[1:]))
        return lines[:1]


def read_header(stream: IO[bytes]) -> tuple[str, ...]:
    """The names in the first line, without a byte order mark; raises HeaderRefused."""
    line = stream.readline(LIMIT)
    if not line:
        raise HeaderRefused("the file is empty")
    try:
        text = line.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise HeaderRefused("this is not a text file in UTF-8") from None
    if "\0" in text:
        raise HeaderRefused("this is not a text file in UTF-8")
    try:
        rows = list(csv.reader([text], strict=True))
    except csv.Error:
        raise HeaderRefused("the first line is not a header: its quotes or line ends do not fit") from None
    if not rows or not rows[0]:
        raise HeaderRefused("the first line is blank; it must be the header")
    return tuple(rows[0])


def read_records(stream: IO[bytes], width: int) -> Iterator[Record]:
    """All records after the header, good and bad; blank lines are none. `width` is the number of columns."""
    lines = _Lines(stream)
    reader = csv.reader(lines, strict=True)
    number = 0
    while True:
        try:
            fields, reason = next(reader), None
        except StopIteration:
            return
        except _Damage as damage:
            fields, reason = None, str(damage)
        except csv.Error as error:
            fields, reason = None, _explain(error, lines=len(lines.held))
        if fields == []:
            lines.release()
            continue
        number += 1
        yield _record(lines, number, width, fields, reason)


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
    if "field limit" in words:
        return "a field is longer than 128 KiB" if lines == 1 else "a quote is not closed within 128 KiB"
    if "unexpected end of data" in words:
        return "a quote is never closed"
    return "quotes or line ends within the record do not fit"
