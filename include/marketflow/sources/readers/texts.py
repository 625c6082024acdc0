"""Typed columns as texts, and the rows whose texts no database takes: for readers of values that have a type."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from marketflow.sources.errors import HeaderRefused
from marketflow.sources.readers.block import KEPT, LIMIT, BadRecord, Block
from marketflow.sources.readers.json_line import TOO_LONG, nested, plain

if TYPE_CHECKING:
    import pyarrow as pa


def as_texts(values: pa.Array, name: str) -> pa.Array:
    """A column of any type as strings; null stays null.

    Numbers are plain decimals; instants are ISO 8601, in UTC with Z when the type has a zone, else without an offset;
    truth values `true` and `false`; lists, structures and maps JSON. Raises HeaderRefused for bytes, and for lengths of
    time.
    """
    import pyarrow as pa

    types, kind = pa.types, values.type
    if types.is_dictionary(kind):
        return as_texts(values.dictionary, name).take(values.indices)
    if types.is_string(kind):
        return values
    if types.is_floating(kind) or types.is_decimal(kind):
        return _numbers(values)
    if types.is_timestamp(kind):
        return _instants(values)
    if types.is_nested(kind) or isinstance(kind, pa.BaseExtensionType):
        return pa.array([from_python(v) for v in values.to_pylist(maps_as_pydicts="lossy")], pa.string())
    _refuse_without_text(kind, name)
    return values.cast(pa.string())


def _refuse_without_text(kind: pa.DataType, name: str) -> None:
    import pyarrow as pa

    types = pa.types
    if (
        types.is_binary(kind)
        or types.is_large_binary(kind)
        or types.is_binary_view(kind)
        or types.is_fixed_size_binary(kind)
    ):
        raise HeaderRefused(f"the column {name!r} holds bytes, not text; write it as a text, or leave it out")
    if types.is_duration(kind) or types.is_interval(kind):
        raise HeaderRefused(f"the column {name!r} holds lengths of time, which cannot be mapped; write it as a number")


def _numbers(values: pa.Array) -> pa.Array:
    import pyarrow as pa
    import pyarrow.compute as pc

    texts = values.cast(pa.string())
    if pc.any(pc.match_substring_regex(texts, "[eE]")).as_py():
        return pa.array([t and plain(t) for t in texts.to_pylist()], pa.string())
    return texts


def _instants(values: pa.Array) -> pa.Array:
    import pyarrow as pa
    import pyarrow.compute as pc

    zone, naive = values.type.tz, values.cast(pa.timestamp(values.type.unit))  # of one with a zone: in UTC
    short = naive.cast(pa.timestamp("s"), safe=False)
    if not short.cast(naive.type).equals(naive):
        short = naive.cast(pa.timestamp("us"), safe=False)  # no database keeps more
    texts = pc.utf8_replace_slice(short.cast(pa.string()), 10, 11, "T")
    return pc.binary_join_element_wise(texts, "Z", "") if zone else texts


def from_python(value: Any) -> str | None:
    """A value as a text; a list or a structure as JSON."""
    if value is None or isinstance(value, str):
        return value
    return nested(value) if isinstance(value, dict | list) else str(value)


def screened(rows: pa.Table, first: int) -> Block:
    """Rows numbered from `first` on as a block; those with a text that cannot be stored become bad records."""
    import numpy as np
    import pyarrow as pa

    numbers = pa.array(np.arange(first, first + len(rows), dtype=np.int32))
    if _is_clean(rows):
        return Block(numbers, rows)
    faults = {i: reason for i, row in enumerate(_as_bytes(rows)) if (reason := _fault(row)) is not None}
    good = pa.array([i for i in range(len(rows)) if i not in faults], pa.int32())
    bad = [_bad(first + i, reason, row) for i, row in enumerate(_as_bytes(rows)) if (reason := faults.get(i))]
    return Block(numbers.take(good), rows.take(good), bad)


def _is_clean(rows: pa.Table) -> bool:
    """Can all texts be stored? False also when it is not sure."""
    import numpy as np
    import pyarrow as pa

    if rows.nbytes > LIMIT and max(map(_longest, rows.columns), default=0) * rows.num_columns > LIMIT:
        return False
    for chunk in (c for column in rows.columns for c in column.chunks):
        data = chunk.buffers()[2]
        if data is not None and not np.frombuffer(data, np.uint8).min(initial=1):
            return False
        try:
            chunk.validate(full=True)
        except pa.ArrowInvalid:
            return False
    return True


def _longest(column: pa.ChunkedArray) -> int:
    import pyarrow.compute as pc

    return pc.max(pc.binary_length(column)).as_py() or 0


def _as_bytes(rows: pa.Table) -> Iterator[dict[str, bytes | None]]:
    import pyarrow as pa

    columns = [column.cast(pa.binary()).to_pylist() for column in rows.columns]
    return (dict(zip(rows.column_names, row, strict=True)) for row in zip(*columns, strict=True))


def _fault(row: dict[str, bytes | None]) -> str | None:
    texts = [text for text in row.values() if text]
    if sum(map(len, texts)) > LIMIT:
        return TOO_LONG
    if any(b"\0" in text for text in texts):
        return "the record holds a NUL byte"
    try:
        b"".join(texts).decode()
    except UnicodeDecodeError:
        return "the record is not UTF-8"
    return None


def _bad(number: int, reason: str, row: dict[str, bytes | None]) -> BadRecord:
    data = nested({name: text and text.decode(errors="backslashreplace") for name, text in row.items()}).encode()
    return BadRecord(number, reason, data[:KEPT], len(data))
