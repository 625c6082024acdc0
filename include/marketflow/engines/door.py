"""The narrow door: what an engine must be able to do, and how to get one by name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, Protocol

from marketflow.shared import ConfigurationError

if TYPE_CHECKING:
    import pandas as pd
    import scipy.sparse as sp

EngineName = Literal["local"]


class Engine(Protocol):
    """Heavy operations over matrices; each engine gives the same results, to the last count."""

    name: str

    def frequent_itemsets(
        self, baskets: sp.csr_array, *, min_support: float, max_len: int, total: int | None = None
    ) -> pd.DataFrame:
        """All sets of items that lie together in at least `min_support` of the baskets.

        `baskets`: one row per basket, one column per item, non-zero where the basket holds the item.
        `min_support`: share, above 0, up to 1. `max_len`: most items in a set. `total`: number of baskets that the
        share is of, when empty ones were left out of the matrix. Gives one row per set: `itemsets` (frozenset of
        column numbers), `support` (share of `total`), `baskets` (count).
        """
        ...


def engine(name: EngineName = "local") -> Engine:
    """The engine of that name; raises ConfigurationError for one that does not exist."""
    if name == "local":
        from marketflow.engines.local import LocalEngine

        return LocalEngine()
    raise ConfigurationError(f"there is no engine {name!r}; there is: local")
