"""Most repeats of a row, found by comparing it with a row of the same key: products and customers of order lines."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa

_ROWS, _BYTES = 1 << 15, 8 << 20  # kept at most: what is not among them is looked up by its digest


class Repeats:
    """Rows of one file that were stored before, at most one of a key, and as many as fit."""

    def __init__(self, columns: Sequence[str]) -> None:
        """`columns`: what can differ between rows of one file; rows are found again by the first."""
        self._columns = list(columns)
        self.forget()

    def forget(self) -> None:
        """Begin anew."""
        self._rows: pa.Table | None = None
        self._file: int | None = None

    def are_new(self, rows: pa.Table) -> pa.ChunkedArray | None:
        """Which rows do not say what a stored one says, as far as is known; None: perhaps all of them."""
        import pyarrow.compute as pc

        self._begin(pc.unique(rows["file_id"]).to_pylist())
        if self._rows is None:
            return None
        key, *others = self._columns
        at = pc.index_in(rows[key], self._rows[key])
        is_repeat = pc.is_valid(at)
        for name in others:
            is_repeat = pc.and_(is_repeat, _is_same(rows[name], self._rows[name].take(at)))
        return pc.invert(is_repeat)

    def add(self, rows: pa.Table) -> None:
        """Note that these were stored."""
        import pyarrow as pa
        import pyarrow.compute as pc

        if self._file is None or not len(rows):
            return
        rows = rows.select(self._columns)
        if self._rows is not None:
            is_new = pc.is_null(pc.index_in(rows[self._columns[0]], self._rows[self._columns[0]]))
            rows = pa.concat_tables([self._rows, rows.filter(is_new)])
        size = rows.nbytes / len(rows) if len(rows) else 1
        table = rows.slice(0, min(_ROWS, int(_BYTES / max(size, 1)))).combine_chunks()
        self._rows = pa.table({name: table[name].combine_chunks() for name in self._columns})

    def _begin(self, files: Sequence[int]) -> None:
        """A block of several files, which are small, is left to the digests."""
        file = files[0] if len(files) == 1 else None
        if file != self._file:
            self._rows, self._file = None, file


def _is_same(some: pa.ChunkedArray, others: pa.ChunkedArray) -> pa.ChunkedArray:
    """Equal, or nothing both."""
    import pyarrow.compute as pc

    same = pc.fill_null(pc.equal(some, others), fill_value=False)
    if not (some.null_count and others.null_count):
        return same
    return pc.or_(same, pc.and_(pc.is_null(some), pc.is_null(others)))
