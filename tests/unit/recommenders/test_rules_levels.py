"""Baskets by product, type and category: each item once, what is too wide left out, everything counted."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np
import pytest

from marketflow.recommenders.rules.levels import Level, Lines, levels_above, products_level

if TYPE_CHECKING:
    import pandas as pd


def catalogue() -> pd.DataFrame:
    import pandas as pd

    types = ["PASTA", "PASTA", "SAUCE", None, ""]
    return pd.DataFrame(
        {"product_id": range(11, 16), "product_type": types, "category": ["DRY", "DRY", "DRY", "COLD", None]}
    )


def lines(*pairs: tuple[int, int], orders: int = 9) -> Lines:
    """Of (order, product)."""
    table = np.array(pairs, dtype=np.int64).reshape(-1, 2)
    return Lines(order=table[:, 0], product=table[:, 1], orders=orders, catalogue=catalogue())


def held(level: Level) -> list[tuple[str | int, ...]]:
    """Each basket's items by name or number."""
    names: Iterable[str | int] = level.names or level.ids.tolist()
    return [tuple(np.array(list(names), dtype=object)[np.flatnonzero(row)]) for row in level.baskets.toarray()]


BOUGHT = lines((1, 11), (1, 13), (2, 12), (2, 11), (2, 14), (3, 15), (4, 14), (4, 14), (4, 14))


def test_products() -> None:
    level, left_out = products_level(BOUGHT)
    assert held(level) == [(11, 13), (11, 12, 14), (15,), (14,)]  # three times in a basket is in it once
    assert level.baskets.data.tolist() == [1] * 7
    assert (level.total, left_out, level.names) == (9, 0, None)


def test_types_and_categories_are_numbered_by_name() -> None:
    types, categories = levels_above(products_level(BOUGHT)[0], catalogue())
    assert (types.name, types.names, types.ids.tolist()) == ("type", ("PASTA", "SAUCE"), [1, 2])
    assert held(types) == [("PASTA", "SAUCE"), ("PASTA",)]  # two kinds of pasta are one type
    assert types.baskets.data.tolist() == [1] * 3
    assert (categories.name, categories.names) == ("category", ("COLD", "DRY"))
    assert held(categories) == [("DRY",), ("COLD", "DRY"), ("COLD",)]
    assert types.total == categories.total == 9


def test_a_basket_of_ten_thousand_lines_is_left_out_if_they_differ() -> None:
    wide = [(7, product) for product in range(10_000)]
    level, left_out = products_level(lines((1, 11), (1, 13), *wide))
    assert (held(level), level.ids.tolist()[:2], level.total, left_out) == ([(11, 13)], [0, 1], 8, 1)
    same, none_left_out = products_level(lines((1, 11), *[(7, 13)] * 10_000))
    assert (held(same), same.total, none_left_out) == ([(11,), (13,)], 9, 0)


@pytest.mark.parametrize(("different", "left_out"), [(1_000, 0), (1_001, 1)])
def test_how_wide_is_too_wide(different: int, left_out: int) -> None:
    assert products_level(lines(*[(7, product) for product in range(different)]))[1] == left_out


def test_no_baskets() -> None:
    level, left_out = products_level(lines(orders=3))
    assert (level.baskets.shape, level.total, left_out) == ((0, 0), 3, 0)
    assert [above.baskets.shape for above in levels_above(level, catalogue())] == [(0, 0), (0, 0)]
