"""Most repeats of a row, found by comparing it with a row of the same key: products and customers of order lines."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa

_ROWS = 1 << 15  # kept: what is not among them is looked up by its digest


class Repeats:
    """Rows of one file that were stored before, at most one of a key, and as many as fit."""

    def __init__(self, key: str) -> None:
        """`key`: a column by which rows are found again."""
        self._key, self._rows = key, None

    def forget(self) -> None:
        """Begin a new file."""
        self._rows = None

    def left_out(self, rows: pa.Table) -> pa.Table:
        """The rows without those that say what a stored one says; not all of these are known."""
        import pyarrow.compute as pc

        if self._rows is None:
            return rows
        at = pc.index_in(rows[self._key], self._rows[self._key].combine_chunks())
        is_repeat = pc.is_valid(at)
        for name in (c for c in rows.column_names if c not in ("record_no", self._key)):
            is_repeat = pc.and_(is_repeat, _is_same(rows[name], self._rows[name].take(at)))
        return rows.filter(pc.invert(is_repeat))

    def add(self, rows: pa.Table) -> None:
        """Note that these were stored."""
        import pyarrow as pa
        import pyarrow.compute as pc

        if self._rows is None:
            self._rows = rows.slice(0, _ROWS)
        elif room := _ROWS - len(self._rows):
            is_new = pc.is_null(pc.index_in(rows[self._key], self._rows[self._key].combine_chunks()))
            self._rows = pa.concat_tables([self._rows, rows.filter(is_new).slice(0, room)]).combine_chunks()


def _is_same(some: pa.ChunkedArray, others: pa.ChunkedArray) -> pa.ChunkedArray:
    """Equal, or nothing both."""
    import pyarrow.compute as pc

    same = pc.fill_null(pc.equal(some, others), fill_value=False)
    if not (some.null_count and others.null_count):
        return same
    return pc.or_(same, pc.and_(pc.is_null(some), pc.is_null(others)))
