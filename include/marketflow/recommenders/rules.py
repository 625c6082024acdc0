"""Association rules: who buys A often buys B. Support, confidence and lift (Agrawal et al. 1993; Brin et al. 1997)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from marketflow.engines import Engine

if TYPE_CHECKING:
    import pandas as pd
    import scipy.sparse as sp


def mine_rules(
    baskets: sp.csr_array, *, engine: Engine, min_support: float, min_confidence: float, max_len: int, total: int
) -> pd.DataFrame:
    """All rules whose sets have at least `min_support` and which hold with at least `min_confidence`.

    `baskets`: baskets x items, non-zero where held; `total`: number of baskets, those included that have no row.
    Gives one row per rule, best lift first: `antecedents` and `consequents` (ascending tuples of columns), `support`
    (share of all baskets with both), `confidence` (share of those with the antecedents), `lift` (confidence over the
    consequents' own share; above 1: more often together than by chance), `baskets` (count with both).
    """
    from mlxtend.frequent_patterns import association_rules

    itemsets = engine.frequent_itemsets(baskets, min_support=min_support, max_len=max_len, total=total)
    if not (itemsets["itemsets"].map(len) > 1).any():
        return _empty()
    rules: pd.DataFrame = association_rules(
        itemsets[["itemsets", "support"]],
        metric="confidence",
        min_threshold=min_confidence,
        return_metrics=["support", "confidence", "lift"],
    )
    for side in ("antecedents", "consequents"):
        rules[side] = rules[side].map(lambda members: tuple(sorted(members)))
    rules["baskets"] = (rules["support"] * total).round().astype("int64")
    order = ["lift", "antecedents", "consequents"]
    return rules.sort_values(order, ascending=[False, True, True], ignore_index=True)


def lift_matrix(rules: pd.DataFrame, products: int) -> sp.csr_array:
    """Products x products: by how much more than by chance the column is bought with the row (lift - 1, never below 0).

    Of rules between single products only; 0 where there is no rule.
    """
    import numpy as np
    import scipy.sparse as sp

    single = rules[(rules["antecedents"].map(len) == 1) & (rules["consequents"].map(len) == 1)]
    row = np.array([a for (a,) in single["antecedents"]], dtype=np.int64)
    column = np.array([c for (c,) in single["consequents"]], dtype=np.int64)
    gain = np.maximum(single["lift"].to_numpy(dtype=float) - 1, 0)
    return sp.coo_array((gain, (row, column)), shape=(products, products)).tocsr()


def _empty() -> pd.DataFrame:
    import pandas as pd

    kinds = {"antecedents": "object", "consequents": "object", "support": "float", "confidence": "float"}
    return pd.DataFrame(columns=[*kinds, "lift", "baskets"]).astype({**kinds, "lift": "float", "baskets": "int64"})
