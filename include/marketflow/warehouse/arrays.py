"""Whole numbers in bulk: the rows of a query as numpy arrays, without a Python object for each value."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import psycopg

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_HEADER = 19  # signature, flags and the length of the (empty) extension, see COPY in PostgreSQL's manual
_TRAILER = 2


def fetch_integers(
    conn: psycopg.Connection, query: str, params: Mapping[str, Any], columns: tuple[str, ...]
) -> dict[str, NDArray[np.int64]]:
    """The result of `query` by column, each array as long as the result.

    `query` must be `COPY (...) TO STDOUT (FORMAT binary)` of as many `bigint` columns as there are names, none null:
    then every row is equally long, and the answer is an array already.
    """
    import numpy as np

    with conn.cursor() as cursor, cursor.copy(query, params) as stream:
        data = b"".join(bytes(chunk) for chunk in stream)
    layout = [("fields", ">i2")] + [pair for name in columns for pair in ((f"{name}:length", ">i4"), (name, ">i8"))]
    width = np.dtype(layout)
    rows = np.frombuffer(data, dtype=width, offset=_HEADER, count=(len(data) - _HEADER - _TRAILER) // width.itemsize)
    if len(rows) and not all((rows[f"{name}:length"] == 8).all() for name in columns):
        raise ValueError("a column of the query is null or no bigint")
    return {name: rows[name].astype(np.int64) for name in columns}
