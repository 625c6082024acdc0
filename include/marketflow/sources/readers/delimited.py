"""CSV in any dialect and encoding: long well-formed stretches by Arrow, the records between them with care.

A stretch counts as well formed when counting its quotes proves it (`readers.stretch`) and Arrow finds the same number
of fields in each record; or, up to the first fault, when a slower pattern that never goes back proves both. What is not
goes through `sources.records`, which names each record's fault and goes on at the next line.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import IO, TYPE_CHECKING

from marketflow.sources.definition import Format
from marketflow.sources.errors import HeaderRefused
from marketflow.sources.readers.block import BLOCK_BYTES, BLOCK_ROWS, BadRecord, Block, Reader
from marketflow.sources.readers.compression import opened
from marketflow.sources.readers.stretch import LONGEST, well_formed_end
from marketflow.sources.readers.transcode import as_utf8
from marketflow.sources.records import Dialect, Record, RecordReader, read_header

if TYPE_CHECKING:
    import pyarrow as pa

_CAREFUL = 20  # records read with care before a stretch is tried again
_BOM = b"\xef\xbb\xbf"


@contextmanager
def open_csv(path: Path, form: Format) -> Iterator[Reader]:
    """Open a file. Raises OSError, SourceError, HeaderRefused."""
    with opened(path, form.compression) as stream:
        yield CsvReader(as_utf8(stream, form.encoding), form)


class CsvReader:
    """A Reader. `unfinished` is true with the last block when the file's last line has no end."""

    def __init__(self, stream: IO[bytes], form: Format) -> None:
        """Read the header; raises HeaderRefused."""
        self._dialect = Dialect(form.delimiter, form.quote, _shown(form.encoding))
        self._window = _Window(stream)
        self.header = read_header(self._window, self._dialect) if form.header else form.columns
        if not form.header and not self._window.fill(1):
            raise HeaderRefused("the file is empty")
        self.unfinished = self._is_cut = False
        self._number = 0  # of the last record read
        self._owed = 0  # bytes of a stretch that looks well formed and that Arrow refuses
        self._plainly = True  # may all that the window holds still be well formed?

    def blocks(self) -> Iterator[Block]:
        """All records."""
        made = _Gathering(len(self.header), self.header)
        more = self._window.fill(BLOCK_BYTES)
        while more:
            if not self._stretch(made):
                self._carefully(made)
            more = self._window.fill(BLOCK_BYTES)
            if made.size >= BLOCK_BYTES // 2 or not more:
                blocks = list(made.blocks())
                for n, block in enumerate(blocks, 1):
                    self.unfinished = self._is_cut and not more and n == len(blocks)
                    yield block

    def _stretch(self, made: _Gathering) -> bool:
        """Take the well-formed bytes that the window begins with; False when there are none."""
        window, dialect, width = self._window, self._dialect, len(self.header)
        self._plainly, window.is_new = self._plainly or window.is_new, False
        if window.data.startswith(_BOM, window.at):
            return False  # Arrow would drop it, at the beginning of any stretch
        if self._plainly:
            end = well_formed_end(
                window.data, window.at, window.lines_end, delimiter=dialect.delimiter, quote=dialect.quote
            )
            if end > window.at and self._take(made, end):
                return True
            self._plainly = False
        pattern = _pattern(dialect, width)
        found = pattern.match(window.data, window.at, window.sound_end()) if pattern else None
        if found is None or found.end() == window.at:
            return False
        if not self._take(made, found.end()):
            self._owed = found.end() - window.at
        return not self._owed

    def _take(self, made: _Gathering, end: int) -> bool:
        """Have Arrow read the window up to `end`; False when it cannot."""
        window = self._window
        table = _parse(memoryview(window.data)[window.at : end], self.header, self._dialect)
        if table is None:
            return False
        made.add(table, self._number, end - window.at)
        self._number += len(table)
        window.at = end
        return True

    def _carefully(self, made: _Gathering) -> None:
        """Read some records one by one."""
        reader = RecordReader(self._window, len(self.header), self._dialect)
        records = 0
        while records < _CAREFUL or self._owed > 0:
            record = reader.next(self._number + 1)
            if record is None:
                break
            records, self._owed = records + 1, max(self._owed - record.size, 0)
            self._number += 1
            made.add_record(record)
            self._is_cut = record.unfinished
        self._window.push_back(reader.take_back())


class _Window:
    """What was read and not yet used: `data` from `at` on. A stream of lines for the careful reader."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self.data, self.at = b"", 0
        self.is_new = True
        self._sound = 0  # up to there `data` is known to be UTF-8
        if self.fill(1) and self.data.startswith(_BOM):
            self.at = len(_BOM)

    @property
    def lines_end(self) -> int:
        """Where the last whole line ends."""
        return max(self.data.rfind(b"\n") + 1, self.at)

    def sound_end(self) -> int:
        """Where the last whole line ends before which all is UTF-8; each byte is looked at once."""
        if self._sound <= self.at:
            self._sound = self.lines_end
            try:
                str(memoryview(self.data)[self.at : self._sound], "utf-8")
            except UnicodeDecodeError as error:
                self._sound = self.at + error.start
        return max(self.data.rfind(b"\n", self.at, self._sound) + 1, self.at)

    def fill(self, size: int) -> bool:
        """Read on when no whole line is left; False when the stream has ended and everything is used."""
        if self.lines_end > self.at:
            return True
        more = self._stream.read(max(size, 1 << 16))
        if more:
            self._put(self.data[self.at :] + more)
        return self.at < len(self.data)

    def readline(self, limit: int, /) -> bytes:
        """The next line or its first `limit` bytes."""
        end = self.data.find(b"\n", self.at, self.at + limit) + 1
        while not end and len(self.data) - self.at < limit and (more := self._stream.read(limit)):
            self._put(self.data[self.at :] + more)
            end = self.data.find(b"\n", 0, limit) + 1
        end = end or min(self.at + limit, len(self.data))
        line, self.at = self.data[self.at : end], end
        return line

    def push_back(self, data: bytes) -> None:
        """Put bytes in front that were read last."""
        if data:
            self._put(data + self.data[self.at :])

    def _put(self, data: bytes) -> None:
        self.data, self.at, self.is_new, self._sound = data, 0, True, 0


class _Gathering:
    """Tables, records and faults on their way into a block."""

    def __init__(self, width: int, header: tuple[str, ...]) -> None:
        self._width, self._header = width, header
        self.size = 0
        self._tables: list[pa.Table] = []
        self._numbers: list[pa.Array] = []
        self._records: list[Record] = []
        self._bad: list[BadRecord] = []

    def add(self, table: pa.Table, before: int, size: int) -> None:
        """A stretch; `before` is the number of the record before it."""
        import numpy as np
        import pyarrow as pa

        self._settle()
        self._tables.append(table)
        self._numbers.append(pa.array(np.arange(before + 1, before + len(table) + 1, dtype=np.int32)))
        self.size += size

    def add_record(self, record: Record) -> None:
        """A record that was read with care."""
        self.size += record.size
        if record.fields is None:
            bad = BadRecord(record.number, record.reason or "", record.payload, record.size, record.unfinished)
            self._bad.append(bad)
        else:
            self._records.append(record)

    def blocks(self) -> Iterator[Block]:
        """What was gathered, in blocks of the size agreed; then it begins anew."""
        import pyarrow as pa

        self._settle()
        bad, tables, numbers = self._bad, self._tables, self._numbers
        self._bad, self._tables, self._numbers, self.size = [], [], [], 0
        if not any(map(len, tables)):  # a stretch of blank lines is a table without rows
            if bad:
                yield Block(pa.array([], pa.int32()), self._table([]), bad)
            return
        table, number = pa.concat_tables(tables), pa.concat_arrays(numbers)
        for start in range(0, len(table), BLOCK_ROWS):
            some = slice(start, start + BLOCK_ROWS)
            yield Block(number[some], table.slice(start, BLOCK_ROWS), bad if not start else [])

    def _settle(self) -> None:
        """Make a table of the records, so that the order stays."""
        import pyarrow as pa

        if self._records:
            self._tables.append(self._table([r.fields or [] for r in self._records]))
            self._numbers.append(pa.array([r.number for r in self._records], pa.int32()))
            self._records = []

    def _table(self, rows: list[list[str]]) -> pa.Table:
        import pyarrow as pa

        columns = [pa.array([row[n] for row in rows], pa.string()) for n in range(self._width)]
        return pa.Table.from_arrays(columns, names=list(self._header))


@cache
def _pattern(dialect: Dialect, width: int) -> re.Pattern[bytes] | None:
    """Matches well-formed lines, without going back; None for a dialect that Arrow does not read."""
    if not dialect.delimiter.isascii() or not dialect.quote.isascii():
        return None
    delimiter, quote = re.escape(dialect.delimiter), re.escape(dialect.quote)
    field = rf"[^{quote}{delimiter}\r\n\0]{{0,{LONGEST}}}+"
    if quote:  # within quotes up to 128 KiB, in bites
        field = rf"(?:{quote}(?:[^{quote}\0]{{1,1024}}+|{quote}{quote}){{0,128}}+{quote}|{field})"
    return re.compile(rf"(?:{field}(?:{delimiter}{field}){{{width - 1}}}\r?\n)*+".encode())


def _parse(data: memoryview, header: tuple[str, ...], dialect: Dialect) -> pa.Table | None:
    """A table of texts; None when Arrow finds another number of fields somewhere, or what is not UTF-8."""
    import pyarrow as pa
    import pyarrow.csv as pc

    names = [f"c{n}" for n in range(len(header))]
    try:
        table = pc.read_csv(
            pa.py_buffer(data),
            read_options=pc.ReadOptions(column_names=names, use_threads=False, block_size=len(data) + 1),
            parse_options=pc.ParseOptions(
                delimiter=dialect.delimiter, quote_char=dialect.quote or False, newlines_in_values=bool(dialect.quote)
            ),
            convert_options=pc.ConvertOptions(
                column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=False
            ),
        )
    except pa.ArrowInvalid:
        return None
    return table.rename_columns(list(header))


def _shown(encoding: str) -> str:
    """As people write it."""
    return "UTF-8" if encoding.lower().replace("_", "-") in ("utf-8", "utf8", "utf-8-sig") else encoding
