"""Baskets as matrices: of products, of types of products, of categories."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import psycopg

from marketflow.warehouse import fetch_frame, fetch_integers, queries

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    import scipy.sparse as sp
    from numpy.typing import NDArray

LevelName = Literal["product", "type", "category"]
# A basket with more different products says little about what goes together: it is a shop's stock, a test or a bot's.
# A few of them would make everything frequent together. The widest of The Complete Journey has 161.
WIDEST = 1_000


@dataclass(frozen=True, kw_only=True)
class Level:
    """`baskets`: baskets x items, 1 where held, without those that hold none. `ids`: the number of each column's item.

    `names`: what the items are called, None for products, which have names elsewhere. `total`: number of baskets that
    shares are of, those without any item included.
    """

    name: LevelName
    baskets: sp.csr_array
    ids: NDArray[np.int64]
    names: tuple[str, ...] | None
    total: int


@dataclass(frozen=True, kw_only=True)
class Lines:
    """`order` and `product`: one entry per order line, ids. `orders`: how many orders there are, lines or not.

    `catalogue`: `product_id` (ascending), `product_type` and `category` (text or null) of what may be recommended.
    """

    order: NDArray[np.int64]
    product: NDArray[np.int64]
    orders: int
    catalogue: pd.DataFrame


def read_lines(conn: psycopg.Connection, as_of: dt.date, basket_days: int) -> Lines:
    """Lines of the orders of the `basket_days` up to `as_of`, of products that may be recommended."""
    q, params = queries("association_rules"), {"as_of": as_of, "basket_days": basket_days}
    lines = fetch_integers(conn, q["lines"], params, ("order", "product"))
    row = conn.execute(q["orders"], params).fetchone()
    return Lines(
        order=lines["order"],
        product=lines["product"],
        orders=int(row[0]) if row else 0,
        catalogue=fetch_frame(conn, q["catalogue"]),
    )


def products_level(lines: Lines, *, widest: int = WIDEST) -> tuple[Level, int]:
    """The level of products, and how many baskets were left out because they hold more than `widest` of them.

    A product that is in a basket twice is in it once. What is left out doesn't count in `total` either.
    """
    import numpy as np
    import scipy.sparse as sp

    rows, row = np.unique(lines.order, return_inverse=True)
    ids, column = np.unique(lines.product, return_inverse=True)
    held = np.ones(len(row), dtype=np.int32)
    baskets = _binary(sp.coo_array((held, (row, column)), shape=(len(rows), len(ids))).tocsr())
    wide = np.diff(baskets.indptr) > widest
    left_out = int(wide.sum())
    if left_out:
        baskets = baskets[~wide]
    return Level(name="product", baskets=baskets, ids=ids, names=None, total=lines.orders - left_out), left_out


def levels_above(products: Level, catalogue: pd.DataFrame) -> Iterator[Level]:
    """The same baskets by type, and by category: numbered from 1 by name; products that have none are left out."""
    of_product = catalogue.set_index("product_id").reindex(products.ids)
    yield _grouped(products, "type", of_product["product_type"])
    yield _grouped(products, "category", of_product["category"])


def _grouped(products: Level, name: LevelName, words: pd.Series[str]) -> Level:
    import numpy as np
    import scipy.sparse as sp

    has_one = (words.notna() & (words != "")).to_numpy(dtype=bool)
    names, group = np.unique(words[has_one].to_numpy(dtype=str), return_inverse=True)
    place = np.flatnonzero(has_one)
    shape = (len(products.ids), len(names))
    belongs = sp.coo_array((np.ones(len(place), dtype=np.int32), (place, group)), shape=shape).tocsr()
    baskets = _binary(products.baskets @ belongs)
    ids = np.arange(1, len(names) + 1, dtype=np.int64)
    return Level(name=name, baskets=baskets, ids=ids, names=tuple(names.tolist()), total=products.total)


def _binary(counts: sp.csr_array) -> sp.csr_array:
    """Ones; rows without any are dropped, since their number is in `total`."""
    import numpy as np

    counts.sum_duplicates()
    counts.data[:] = 1
    return counts[np.diff(counts.indptr) > 0]
