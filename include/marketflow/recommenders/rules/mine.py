"""Association rules: who buys A often buys B.

Support and confidence as in Agrawal et al. (1993), lift in Brin et al. (1997), leverage in Piatetsky-Shapiro (1991).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from marketflow.engines import Engine

if TYPE_CHECKING:
    import pandas as pd
    import scipy.sparse as sp

_MEASURES = ["support", "confidence", "lift", "leverage"]


def mine_rules(
    baskets: sp.csr_array,
    *,
    engine: Engine,
    min_support: float,
    min_confidence: float,
    max_len: int | None,
    total: int,
    most: int | None = None,
) -> pd.DataFrame:
    """All rules whose sets have at least `min_support` and which hold with at least `min_confidence`.

    `baskets`: baskets x items, non-zero where held; `total`: number of baskets, those included that have no row.
    Gives what `rules_from` gives. Raises TooManySets when more than `most` sets are frequent.
    """
    itemsets = engine.frequent_itemsets(baskets, min_support=min_support, max_len=max_len, total=total, most=most)
    return rules_from(itemsets, min_confidence=min_confidence, total=total)


def rules_from(itemsets: pd.DataFrame, *, min_confidence: float, total: int) -> pd.DataFrame:
    """The rules of frequent itemsets (as an engine gives them, all subsets included) over `total` baskets.

    One row per rule, best lift first: `antecedents` and `consequents` (ascending tuples of columns), `support` (share
    of all baskets with both), `confidence` (share of those with the antecedents), `lift` (confidence over the
    consequents' own share; above 1: more often together than by chance), `leverage` (support above what chance would
    give, a share of all baskets), `baskets` (count with both).
    """
    from mlxtend.frequent_patterns import association_rules

    if not (itemsets["itemsets"].map(len) > 1).any():
        return _empty()
    rules: pd.DataFrame = association_rules(
        itemsets[["itemsets", "support"]],
        metric="confidence",
        min_threshold=min_confidence,
        return_metrics=_MEASURES,
    )
    for side in ("antecedents", "consequents"):
        rules[side] = rules[side].map(lambda members: tuple(sorted(members)))
    rules["baskets"] = (rules["support"] * total).round().astype("int64")
    order = ["lift", "antecedents", "consequents"]
    return rules.sort_values(order, ascending=[False, True, True], ignore_index=True)


def _empty() -> pd.DataFrame:
    import pandas as pd

    sides, measures = dict.fromkeys(("antecedents", "consequents"), "object"), dict.fromkeys(_MEASURES, "float")
    return pd.DataFrame(columns=[*sides, *measures, "baskets"]).astype({**sides, **measures, "baskets": "int64"})
