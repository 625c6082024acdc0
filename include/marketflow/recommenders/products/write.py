"""Scores customers in parts that bound the memory, and writes their lists."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import psycopg

from marketflow.warehouse import copy_frame

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from marketflow.recommenders.products.listing import Lister
    from marketflow.recommenders.products.read import Reader
    from marketflow.warehouse import ModelRun

MODEL = "product_recommendations"
AT_A_TIME = 10_000
"""Customers; with 30 products each that takes half a gigabyte."""


@dataclass(frozen=True, kw_only=True)
class Writer:
    """Writes what `lister` makes of what `reader` reads."""

    conn: psycopg.Connection
    run: ModelRun
    reader: Reader
    lister: Lister

    def write(self, customers: NDArray[np.int64]) -> dict[str, int]:
        """Both lists of these customers, ascending; gives how many rows of each."""
        written = {"buy_again": 0, "discover": 0}
        run = self.run.run_id
        for start in range(0, len(customers), AT_A_TIME):
            part = customers[start : start + AT_A_TIME]
            for name, found in self.lister.lists(self.reader.history(part), self.reader.groups(part, 0)).items():
                ids = part[found.pop("customer").to_numpy()]
                rows = found.assign(customer_id=ids, run_id=run, scored_in=run, list=name)
                written[name] += copy_frame(self.conn, f"models.{MODEL}", rows)
        return written
