"""Scores customers in parts that bound the memory, and writes their lists."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import psycopg

from marketflow.recommenders.products.again import own_products
from marketflow.recommenders.products.discover import new_products
from marketflow.recommenders.products.lists import chosen
from marketflow.recommenders.products.reasons import because_of, due_on
from marketflow.warehouse import copy_frame

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

    from marketflow.engines import Engine
    from marketflow.recommenders.products.candidates import Candidates
    from marketflow.recommenders.products.knowledge import Knowledge
    from marketflow.recommenders.products.learning import Rankers
    from marketflow.recommenders.products.read import Reader
    from marketflow.warehouse import ModelRun

MODEL = "product_recommendations"
_AT_A_TIME = 10_000  # customers


@dataclass(frozen=True, kw_only=True)
class Writer:
    """What is needed to list products for anybody."""

    conn: psycopg.Connection
    run: ModelRun
    reader: Reader
    known: Knowledge
    rankers: Rankers
    engine: Engine

    def write(self, customers: NDArray[np.int64], length: int) -> dict[str, int]:
        """Both lists of these customers, ascending; gives how many rows of each."""
        written = {"buy_again": 0, "discover": 0}
        run = self.run.run_id
        for start in range(0, len(customers), _AT_A_TIME):
            part = customers[start : start + _AT_A_TIME]
            for name, frame in self._lists(part, length).items():
                rows = frame.assign(
                    customer_id=part[frame["customer_id"].to_numpy()], run_id=run, scored_in=run, list=name
                )
                written[name] += copy_frame(self.conn, f"models.{MODEL}", rows)
        return written

    def _lists(self, customers: NDArray[np.int64], length: int) -> dict[str, pd.DataFrame]:
        """Rows without the run, `customer_id` a row's number."""
        history, catalogue = self.reader.history(customers), self.reader.catalogue
        group = self.reader.groups(customers, 0)
        again = own_products(history, catalogue, self.known)
        own, listed = self._best(again, self.rankers.again.score(again), length)
        own["due_on"] = due_on(listed, self.run.as_of)
        discover = new_products(history, catalogue, self.known, group, engine=self.engine)
        new, listed = self._best(discover, self.rankers.discover.score(discover), length)
        share = self.known.buyers / max(self.known.customers, 1)
        new["because_product_id"] = self._ids(because_of(listed, history.interest(), self.known.alike, share))
        return {"buy_again": own, "discover": new}

    def _best(self, candidates: Candidates, score: NDArray[np.float64], length: int) -> tuple[pd.DataFrame, Candidates]:
        import numpy as np
        import pandas as pd

        best = chosen(candidates, score, length, self.reader.catalogue.kinds)
        listed = candidates.only(best)
        rank = np.arange(len(best)) - np.searchsorted(listed.customer, listed.customer) + 1
        frame = {"customer_id": listed.customer, "rank": rank, "score": score[best]}
        return pd.DataFrame({**frame, "product_id": self.reader.catalogue.ids[listed.product]}), listed

    def _ids(self, columns: NDArray[np.int64]) -> pd.Series[int]:
        """The products' numbers, none for -1."""
        import numpy as np
        import pandas as pd

        ids = pd.Series(self.reader.catalogue.ids[np.maximum(columns, 0)], dtype="Int64")
        return ids.mask(pd.Series(columns < 0))
