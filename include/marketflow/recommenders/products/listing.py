"""Two lists for some customers: what is known and learnt already, and what these have bought."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING

from marketflow.recommenders.products.again import own_products
from marketflow.recommenders.products.discover import new_products
from marketflow.recommenders.products.lists import chosen
from marketflow.recommenders.products.reasons import because_of, due_on

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

    from marketflow.engines import Engine
    from marketflow.recommenders.products.candidates import Candidates
    from marketflow.recommenders.products.catalogue import Catalogue
    from marketflow.recommenders.products.history import History
    from marketflow.recommenders.products.knowledge import Knowledge
    from marketflow.recommenders.products.learning import Rankers


@dataclass(frozen=True, kw_only=True)
class Lister:
    """Makes lists of `length` products as of a day."""

    catalogue: Catalogue
    known: Knowledge
    rankers: Rankers
    engine: Engine
    as_of: dt.date
    length: int

    def lists(self, history: History, group: NDArray[np.int64]) -> dict[str, pd.DataFrame]:
        """By name of the list: `customer` (row of `history`), rank, product_id and score, best first.

        Besides due_on of what is bought again, and because_product_id of what is new. `group`: as in `new_products`.
        """
        again = own_products(history, self.catalogue, self.known)
        own, listed = self._best(again, self.rankers.again.score(again))
        own["due_on"] = due_on(listed, self.as_of)
        discover = new_products(history, self.catalogue, self.known, group, engine=self.engine)
        new, listed = self._best(discover, self.rankers.discover.score(discover))
        share = self.known.buyers / max(self.known.customers, 1)
        new["because_product_id"] = self._ids(because_of(listed, history.interest(), self.known.alike, share))
        return {"buy_again": own, "discover": new}

    def _best(self, candidates: Candidates, score: NDArray[np.float64]) -> tuple[pd.DataFrame, Candidates]:
        import numpy as np
        import pandas as pd

        best = chosen(candidates, score, self.length, self.catalogue.kinds)
        listed = candidates.only(best)
        rank = np.arange(len(best)) - np.searchsorted(listed.customer, listed.customer) + 1
        frame = {"customer": listed.customer, "rank": rank, "score": score[best]}
        return pd.DataFrame({**frame, "product_id": self.catalogue.ids[listed.product]}), listed

    def _ids(self, columns: NDArray[np.int64]) -> pd.Series[int]:
        """The products' numbers, none for -1."""
        import numpy as np
        import pandas as pd

        ids = pd.Series(self.catalogue.ids[np.maximum(columns, 0)], dtype="Int64")
        return ids.mask(pd.Series(columns < 0))
