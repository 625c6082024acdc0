"""JSON Lines: one object on each line, in UTF-8. Its columns are what the source maps, by key or by a dotted path.

A key that is not there is an absent value, so no column can be missing. What the source does not know among the
outermost keys is drift: the first block's are in the header, and one that comes up later stops the file as well.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from marketflow.sources.errors import HeaderRefused
from marketflow.sources.header import shown
from marketflow.sources.readers.block import BLOCK_ROWS, KEPT, LIMIT, BadRecord, Block, Reader
from marketflow.sources.readers.compression import Compression, opened
from marketflow.sources.readers.json_line import DEPTH, TOO_LONG, Bad, read_line, values
from marketflow.sources.readers.lines import Piece, as_array, pieces

if TYPE_CHECKING:
    import pyarrow as pa

# Where DuckDB's parser is more lenient than JSON, or may print a number otherwise than it is written: exponents, more
# digits than a float keeps (15), less than a millionth, NaN, a comma before a bracket, a NUL character.
_UNSURE = (
    r"\\u0000|,\s*[\]}]|[:,\[]\s*[-+]?[NnIi][AaNn]|[0-9][eE][-+0-9]|\.00000|\.[0-9]{15}"
    r"|[0-9]{20}|[0-9]{15}\.[0-9]|[0-9]{12}\.[0-9]{2}|[0-9]{7}\.[0-9]{5}|[0-9]{2}\.[0-9]{10}"
)
_GATHERED, _NAMED = 100, 5  # unknown keys at most; more new ones than that may be values, and are only counted
_OBJECTS = """
SELECT
    coalesce(CASE WHEN json_valid(line) THEN json_type(line) = 'OBJECT' END, FALSE) AS is_object,
    CASE WHEN json_valid(line) THEN json_extract_string(line, $paths) END AS found
FROM lines
"""
_KEYS = """
SELECT DISTINCT unnest(CASE WHEN json_valid(line) THEN json_keys(line) END)
FROM lines
"""


@contextmanager
def open_jsonl(
    path: Path, *, columns: Sequence[str], unused: Collection[str] | None, compression: Compression = "auto"
) -> Iterator[Reader]:
    """Open a file; `columns` are the source's, `unused` the keys that it lets be (None: all others).

    Raises OSError, SourceError, HeaderRefused.
    """
    with opened(path, compression) as stream:
        yield JsonLines(stream, columns=columns, unused=unused)


class JsonLines:
    """A Reader. The first block is read at once: it tells the header."""

    def __init__(self, stream: IO[bytes], *, columns: Sequence[str], unused: Collection[str] | None) -> None:
        """Raises SourceError, HeaderRefused."""
        self._parser = _Parser(columns, unused)
        found = self._read(stream)
        first = list(itertools.islice(found, 1))
        if not first:
            raise HeaderRefused("the file is empty")
        if not len(first[0].rows):
            raise HeaderRefused(f"no line is a JSON object, and one on each line is expected: {first[0].bad[0].reason}")
        if not self._parser.has_mapped:
            raise HeaderRefused(f"no line has any of the keys that the source maps, such as {columns[0]}")
        self.header = (*columns, *self._parser.unknown)
        self._blocks = itertools.chain(first, self._guarded(found))

    def blocks(self) -> Iterator[Block]:
        """All rows, once. Raises HeaderRefused when a key comes up that the header does not have."""
        return self._blocks

    def _guarded(self, blocks: Iterator[Block]) -> Iterator[Block]:
        for block in blocks:
            new = [repr(key) for key in self._parser.unknown if key not in self.header]
            if new:
                named = ", ".join(new) if len(new) <= _NAMED else f"{len(new)} at least"
                raise HeaderRefused(f"up to record {self._parser.count} there are new keys: {named}")
            yield block

    def _read(self, stream: IO[bytes]) -> Iterator[Block]:
        for piece in pieces(stream):
            yield from self._parser.parse(piece)


class _Parser:
    """Lines into blocks; counts the records, and looks at the outermost keys as they come up.

    `unknown` gathers keys that the source neither maps nor names as unused, the first of them and as they may be shown:
    keys may be as many as the values of other files, and as personal. Where it lets all others be, none is gathered.
    """

    def __init__(self, columns: Sequence[str], unused: Collection[str] | None) -> None:
        import duckdb

        self._mapped = {*columns, *(name.split(".")[0] for name in columns)}
        self._known = None if unused is None else self._mapped.union(unused)
        self.has_mapped = False
        self.unknown: dict[str, None] = {}
        self._columns = tuple(columns)
        self._dotted = [name for name in columns if "." in name]  # one key, or keys within keys
        self._paths = [_pointer([name]) for name in columns] + [_pointer(name.split(".")) for name in self._dotted]
        self._base = duckdb.connect(":memory:", config={"threads": 1})
        self.count = 0

    def parse(self, piece: Piece) -> Iterator[Block]:
        """The blocks of a piece; none when all its lines are blank."""
        import pyarrow as pa
        import pyarrow.compute as pc

        if piece.size:
            self.count += 1
            bad = BadRecord(self.count, TOO_LONG, piece.data, piece.size, piece.unfinished)
            yield Block(pa.array([], pa.int32()), self._table([]), [bad])
            return
        lines = as_array(piece.data)
        for start in range(0, len(lines), BLOCK_ROWS):
            some = lines.slice(start, BLOCK_ROWS)
            some = some.filter(pc.invert(pc.match_substring_regex(some, r"^\s*$")))
            if len(some):
                yield self._block(some, unfinished=piece.unfinished and start + BLOCK_ROWS >= len(lines))

    def _block(self, lines: pa.Array, *, unfinished: bool) -> Block:
        """Lines that are not blank. `unfinished`: the last of them lacks its end."""
        import numpy as np
        import pyarrow as pa

        at, rows = self._quickly(lines)
        is_left = np.ones(len(lines), bool)
        is_left[at] = False
        rest = np.flatnonzero(is_left)
        if len(rest):
            slow_at, slow, bad = self._carefully(lines, rest, last=len(lines) - 1 if unfinished else -1)
            at = np.concatenate((at, slow_at))
            rows = pa.concat_tables([rows, slow]).take(np.argsort(at))
        else:
            bad = []
        numbers = pa.array(np.sort(at) + self.count + 1, pa.int32())
        self.count += len(lines)
        return Block(numbers, rows, bad)

    def _quickly(self, lines: pa.Array) -> tuple[Any, pa.Table]:
        """Where the plain objects are among the lines, and their columns."""
        import numpy as np
        import pyarrow as pa
        import pyarrow.compute as pc

        sure = np.flatnonzero(~_unsure(lines))
        try:
            table = pa.table({"line": lines.take(sure).cast(pa.string())})
        except pa.ArrowInvalid:  # not UTF-8: the careful way tells which
            return np.array([], np.int64), self._table([])
        self._base.register("lines", table)
        found = self._base.sql(_OBJECTS, params={"paths": self._paths}).to_arrow_table()
        good = found.column("is_object")
        self._note_keys_of(table.filter(good))
        values = found.column("found").filter(good).combine_chunks()
        columns = [pc.list_element(values, i) for i in range(len(self._columns))]
        for number, name in enumerate(self._dotted, start=len(columns)):
            at = self._columns.index(name)
            columns[at] = pc.coalesce(columns[at], pc.list_element(values, number))
        return sure[good.to_numpy()], self._table(columns)

    def _note_keys_of(self, objects: pa.Table) -> None:
        if self._known is None and self.has_mapped:
            return
        self._base.register("lines", objects)
        self._note_keys(sorted(key for (key,) in self._base.sql(_KEYS).fetchall()))

    def _note_keys(self, keys: Iterable[str]) -> None:
        for key in keys:
            if key in self._mapped:
                self.has_mapped = True
            elif self._known is not None and key not in self._known and len(self.unknown) < _GATHERED:
                self.unknown.setdefault(shown(key))

    def _carefully(self, lines: pa.Array, which: Any, *, last: int) -> tuple[Any, pa.Table, list[BadRecord]]:
        """Line by line: where the objects are, their columns, and the lines that are no records."""
        import numpy as np

        at, rows, bad = [], [], []
        for i in map(int, which):
            line = lines[i].as_py()
            try:
                found = read_line(line)
                rows.append(values(found, self._columns))
            except Bad as fault:
                bad.append(BadRecord(self.count + i + 1, str(fault), line[:KEPT], len(line), unfinished=i == last))
                continue
            at.append(i)
            self._note_keys(found)
        return np.array(at, np.int64), self._table(list(zip(*rows, strict=True))), bad

    def _table(self, columns: Sequence[Any]) -> pa.Table:
        import pyarrow as pa

        filled = columns or [[] for _ in self._columns]
        return pa.table(
            {
                n: pa.chunked_array([c]) if isinstance(c, pa.Array) else pa.chunked_array([pa.array(c, pa.string())])
                for n, c in zip(self._columns, filled, strict=True)
            }
        )


def _unsure(lines: pa.Array) -> Any:
    """Of each line, does it need the careful way? As booleans of numpy."""
    import pyarrow.compute as pc

    sizes = pc.binary_length(lines)
    unsure = pc.or_(pc.match_substring_regex(lines, _UNSURE), pc.greater(sizes, LIMIT))
    if pc.max(sizes).as_py() > DEPTH:
        unsure = pc.or_(unsure, pc.greater(pc.count_substring_regex(lines, r"[\[{]"), DEPTH))
    return unsure.to_numpy(zero_copy_only=False)


def _pointer(keys: Sequence[str]) -> str:
    """A JSON pointer (RFC 6901) for keys within keys."""
    return "".join("/" + key.replace("~", "~0").replace("/", "~1") for key in keys)
