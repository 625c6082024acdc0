"""Whole numbers in bulk: the rows of a query as numpy arrays, without a Python object for each value."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import psycopg

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def fetch_integers(
    conn: psycopg.Connection, query: str, params: Mapping[str, Any], columns: tuple[str, ...]
) -> dict[str, NDArray[np.int64]]:
    """The numbers behind a query that packs them, by column.

    `query` must give one column of bytes: `string_agg(int8send(a) || int8send(b) || ..., ''::bytea)`, in as many rows
    as it likes, with `columns` naming a, b and so on. 1.4 million rows of four take 1.5 s so; COPY, which hands over
    row by row, takes 3.2 s and rows of Python objects a gigabyte. Nulls must be replaced in the query.
    """
    import numpy as np

    with conn.cursor(binary=True) as cursor:
        packed = b"".join(row[0] for row in cursor.execute(query, params) if row[0] is not None)
    table = np.frombuffer(packed, dtype=">i8").reshape(-1, len(columns))
    return {name: table[:, place].astype(np.int64) for place, name in enumerate(columns)}
