"""Lines of orders as orders: what lines side by side have in common once, and beside it the lines as lists.

A file has an order's lines together, as a rule; where it has not, an order has several rows, which core puts together.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from marketflow.sources.contracts.stored import LISTS

if TYPE_CHECKING:
    import pyarrow as pa

_SUMS = {"amount": ("amount",), "discount": ("retail_discount", "coupon_discount")}


def fold(rows: pa.Table) -> pa.Table:
    """One row per run of lines that agree in all columns but those of LISTS; at least one line.

    Beside the lists: `first_no`, the first record number; `line_count`; `amount` and `discount`, sums of the lines.
    """
    import numpy as np
    import pyarrow as pa

    rows = rows.combine_chunks()
    common = [name for name in rows.column_names if name not in LISTS]
    starts = np.flatnonzero(_begins([rows[name].chunk(0) for name in common], len(rows)))
    ends = pa.array(np.append(starts, len(rows)).astype(np.int32))
    made = {name: rows[name].take(pa.array(starts)) for name in common}
    made |= {"first_no": rows["record_no"].take(pa.array(starts)), "line_count": pa.array(np.diff(ends), pa.int32())}
    made |= {name: _sum(rows, of, starts) for name, of in _SUMS.items()}
    lists = {LISTS[n]: pa.ListArray.from_arrays(ends, rows[n].chunk(0)) for n in LISTS if n in rows.column_names}
    return pa.table(made | lists)


def _begins(columns: list[pa.Array], rows: int) -> Any:
    """By row, whether it differs from the one before it in any column; the first does."""
    import numpy as np
    import pyarrow.compute as pc

    found = np.zeros(rows, bool)
    found[0] = True
    for column in columns:
        before, after = column[:-1], column[1:]
        same = pc.fill_null(pc.equal(before, after), fill_value=False)
        if column.null_count:
            same = pc.or_(same, pc.and_(pc.is_null(before), pc.is_null(after)))
        found[1:] |= ~same.to_numpy(zero_copy_only=False)
    return found


def _sum(rows: pa.Table, names: tuple[str, ...], starts: Any) -> pa.Array:
    """By run, the sum of the columns that there are, in hundredths exactly. The mapping leaves no value null."""
    import numpy as np

    total = np.zeros(len(starts), np.int64)
    for name in names:
        if name in rows.column_names:
            column = rows[name].chunk(0)
            units = np.frombuffer(column.buffers()[1], "<i8", 2 * len(column), 16 * column.offset)[::2]
            total += np.add.reduceat(units, starts)
    return _cents(total)


def _cents(values: Any) -> pa.Array:
    import numpy as np
    import pyarrow as pa

    halves = np.empty((len(values), 2), "<i8")
    halves[:, 0], halves[:, 1] = values, values >> 63
    return pa.Array.from_buffers(pa.decimal128(18, 2), len(values), [None, pa.py_buffer(halves)])
