"""Rows in the binary format of PostgreSQL's COPY: what text costs, to write and above all to read, is saved.

Source: PostgreSQL's manual, COPY, "Binary Format". A stream is a signature, flags and the length of an extension (none
here); then the rows; then -1 for a count of columns. A row is the count of its columns, 16 bits, and for each the
length of its value, 32 bits, and the value; a length of -1 is null. All numbers are big-endian. The values are what
the types' receive functions take (pg_type.typreceive): see `values.py`.

How: what has a fixed width, lengths of texts included, is a NumPy record of one stretch of the row; texts of any
length lie between the stretches, and Arrow joins them. No Python runs per row, and both let go of the GIL.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from marketflow.shared import SourceError
from marketflow.sources.contracts.stored import Stored
from marketflow.sources.mapping.values import Fields, fields_of, is_varying, text_of

if TYPE_CHECKING:
    import pyarrow as pa

HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(4) + bytes(4)
TRAILER = b"\xff\xff"
_ROWS = 1 << 13  # at a time: one or two megabytes, which stay within the processor's cache
_NULL = -1
_OIDS = {"integer": 23, "text": 25, "numeric": 1700}  # pg_type


def rows_as_copy(table: pa.Table, types: Mapping[str, Stored]) -> Iterator[Any]:
    """One whole COPY of the table's columns, in their order, as buffers.

    Raises SourceError, which names the column but shows no value, for what its type in PostgreSQL cannot hold, and
    TypeError for an Arrow type that is not the one for it: nothing is cut or rounded.
    """
    yield HEADER
    for batch in table.to_batches(max_chunksize=_ROWS):
        if len(batch):
            yield _encoded(batch, types)
    yield TRAILER


def _encoded(batch: pa.RecordBatch, types: Mapping[str, Stored]) -> Any:
    layout = _Layout(len(batch))
    layout.put(">i2", batch.num_columns)
    for name, column in zip(batch.schema.names, batch.columns, strict=True):
        try:
            _add(layout, column, types[name])
        except OverflowError:
            unfit = types[name].type
        else:
            continue
        raise SourceError(f"a value of {name} does not fit into PostgreSQL's {unfit}")
    return layout.joined()


def _add(layout: _Layout, column: pa.Array, stored: Stored) -> None:
    if column.null_count == len(column):
        layout.put(">i4", _NULL)
    elif stored.many:
        _add_array(layout, column, stored)
    elif is_varying(stored):
        _add_text(layout, text_of(column, stored))
    elif column.null_count:
        _add_with_nulls(layout, column, stored)
    else:
        fields = fields_of(column, stored)
        layout.put(">i4", _width(fields))
        for form, values in fields:
            layout.put(form, values)


def _add_array(layout: _Layout, column: pa.ListArray, stored: Stored) -> None:
    """array_recv: dimensions, nulls, the type; of the one dimension its length and first index; then the elements.

    Neither a list nor an element is null, and no list is empty.
    """
    import numpy as np

    ends = column.offsets.to_numpy() - column.offsets[0].as_py()
    elements = _Layout(int(ends[-1]))
    _add(elements, column.flatten(), replace(stored, many=False))
    data, starts = elements.cells()
    sizes = np.diff(starts[ends])
    for values in (sizes + 5 * 4, 1, 0, _OIDS[stored.type], np.diff(ends), 1):
        layout.put(">i4", values)
    layout.put_between(_cells(np.ascontiguousarray(starts[ends]), data))


def _add_text(layout: _Layout, column: pa.Array) -> None:
    """Texts that are all equally long, as codes often are, are as good as numbers."""
    import numpy as np

    starts = np.frombuffer(column.buffers()[1], np.int32, len(column) + 1, 4 * column.offset)
    lengths = np.diff(starts)
    shortest, longest = int(lengths.min()), int(lengths.max())
    if column.null_count:
        layout.put(">i4", np.where(_is_valid(column), lengths, _NULL))
    elif shortest == longest and longest:
        layout.put(">i4", longest)
        layout.put(f"V{longest}", np.frombuffer(column.buffers()[2], f"V{longest}", len(column), int(starts[0])))
        return
    else:
        layout.put(">i4", lengths)
    layout.put_between(column)


def _add_with_nulls(layout: _Layout, column: pa.Array, stored: Stored) -> None:
    """A null has no value, so that the rows differ in length."""
    import numpy as np

    is_valid, fields = _is_valid(column), fields_of(column.drop_null(), stored)
    layout.put(">i4", np.where(is_valid, _width(fields), _NULL))
    ends = np.cumsum(is_valid * np.int32(_width(fields)), dtype=np.int32)
    layout.put_between(_cells(np.concatenate([np.zeros(1, np.int32), ends]), _records(int(is_valid.sum()), fields)))


class _Layout:
    """The parts of some rows in order: records, as long as they are all of fixed width, and texts between them."""

    def __init__(self, rows: int) -> None:
        self.rows = rows
        self.parts: list[pa.Array] = []
        self.fields: Fields = []

    def put(self, form: str, values: Any) -> None:
        """Put values behind what is there: one for all rows, or one for each. `form`: NumPy's code of a type."""
        import numpy as np

        self.fields.append((form, np.asarray(values).reshape(-1)))

    def put_between(self, texts: pa.Array) -> None:
        """Put bytes of any length, none for a null."""
        self._close()
        self.parts.append(texts)

    def joined(self) -> Any:
        """The bytes of all rows."""
        data, starts = self.cells()
        return data[: int(starts[-1])]

    def cells(self) -> tuple[Any, Any]:
        """The bytes of all rows, and where each begins; and the last one ends."""
        import numpy as np
        import pyarrow as pa
        import pyarrow.compute as pc

        self._close()
        empty = pa.scalar(b"", pa.binary())
        rows = pc.binary_join_element_wise(*self.parts, empty, null_handling="replace", null_replacement=b"")
        _, starts, data = rows.buffers()
        return data, np.frombuffer(starts, np.int32)[: self.rows + 1]

    def _close(self) -> None:
        import numpy as np

        if self.fields:
            width = _width(self.fields)
            starts = np.arange(0, (self.rows + 1) * width, width, dtype=np.int32)
            self.parts.append(_cells(starts, _records(self.rows, self.fields)))
            self.fields = []


def _records(rows: int, fields: Fields) -> Any:
    """Records of the fields, packed; what all rows have in common is made once."""
    import numpy as np

    form = np.dtype([(f"f{n}", form) for n, (form, _) in enumerate(fields)])
    first = np.zeros(1, form)
    for n, (_, values) in enumerate(fields):
        first[f"f{n}"] = values[:1]
    records = np.repeat(first, rows)
    for n, (_, values) in enumerate(fields):
        if len(values) > 1:
            records[f"f{n}"] = values
    return records


def _cells(starts: Any, data: Any) -> pa.Array:
    """Arrow's bytes from NumPy's, not copied: the n-th from starts[n] to starts[n + 1]."""
    import pyarrow as pa

    return pa.Array.from_buffers(pa.binary(), len(starts) - 1, [None, pa.py_buffer(starts), pa.py_buffer(data)])


def _width(fields: Fields) -> int:
    import numpy as np

    return sum(np.dtype(form).itemsize for form, _ in fields)


def _is_valid(column: pa.Array) -> Any:
    return column.is_valid().to_numpy(zero_copy_only=False)
