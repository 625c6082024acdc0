"""Products that are like a product, by what is written about them: for those who look at one and want another."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

import psycopg

from marketflow.engines import engine
from marketflow.recommenders.catalogue import know_products
from marketflow.recommenders.products.read import place_of, read_catalogue
from marketflow.shared import Clock, NotEnoughData
from marketflow.warehouse import ModelRun, ModelSummary, Outcome, copy_frame, fetch_frame, queries, run_model

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

    from marketflow.engines import Engine
    from marketflow.recommenders.products.catalogue import Catalogue

MODEL = "related_products"
_EACH = 10
_LEAST_LIKE = 0.3  # cosine; below it two texts share a common word and no more
_SEED = 20260401


def relate_products(
    conn: psycopg.Connection, *, clock: Clock, as_of: dt.date | None = None, is_test: bool = False
) -> ModelSummary:
    """For every product up to ten of other names whose texts (name, type, category, brand) are most like its own.

    Of products with the same name the one that most customers bought in the year until `as_of` stands for all of them.
    """

    def work(run: ModelRun) -> Outcome:
        return _work(conn, run)

    know_products(conn, clock)
    return run_model(
        conn, MODEL, work, clock=clock, as_of=as_of, parameters={"each": _EACH}, is_test=is_test, describes=True,
        late_data_too=True,  # texts are as good as ever
    )  # fmt: skip


def _work(conn: psycopg.Connection, run: ModelRun) -> Outcome:
    local = engine("local")
    catalogue = read_catalogue(conn, engine=local, seed=_SEED)
    if not catalogue.proposable.any():
        raise NotEnoughData("there is no product that may be proposed")
    sold = fetch_frame(conn, queries("product_recommendations")["buyers"], {"as_of": run.as_of})
    buyers = _aligned(sold, catalogue)
    frame = similar(catalogue, buyers, local)
    rows = copy_frame(conn, f"models.{MODEL}", frame.assign(run_id=run.run_id, relation="similar"))
    return Outcome(rows=rows, facts={"products": len(catalogue), "names": int(catalogue.kinds.max()) + 1})


def _aligned(sold: pd.DataFrame, catalogue: Catalogue) -> NDArray[np.float64]:
    import numpy as np

    buyers = np.zeros(len(catalogue))
    place = place_of(sold["product_id"].to_numpy(dtype=np.int64), catalogue.ids)
    buyers[place[place >= 0]] = sold["buyers"].to_numpy(dtype=float)[place >= 0]
    return buyers


def similar(catalogue: Catalogue, buyers: NDArray[np.float64], local: Engine) -> pd.DataFrame:
    """product_id, rank, related_product_id, score (cosine of the names' texts); `buyers`: per product."""
    import numpy as np
    import pandas as pd
    import scipy.sparse as sp

    kinds = catalogue.kinds
    count = int(kinds.max(initial=-1)) + 1
    may = np.flatnonzero(catalogue.proposable)
    # the best product of each name: the last when sorted by buyers
    best = np.full(count, -1, dtype=np.int64)
    order = may[np.lexsort((-may, buyers[may]))]
    best[kinds[order]] = order
    members = (np.ones(len(kinds), dtype=np.float32), (kinds, np.arange(len(kinds))))
    texts = sp.csr_array(sp.coo_array(members, shape=(count, len(kinds)))) @ catalogue.words
    there = np.flatnonzero(best >= 0)
    near = local.neighbours(texts, _EACH + 1, among=texts[there]).tocoo()
    kind, other, score = near.coords[0], there[near.coords[1]], near.data
    order = np.lexsort((other, -score, kind))
    order = order[(kind[order] != other[order]) & (score[order] >= _LEAST_LIKE)]
    kind, other, score = kind[order], other[order], score[order]
    rank = np.arange(len(kind)) - np.searchsorted(kind, kind) + 1
    by_kind = pd.DataFrame(
        {"kind": kind, "rank": rank, "related_product_id": catalogue.ids[best[other]], "score": score}
    )
    by_kind = by_kind[rank <= _EACH]
    products = pd.DataFrame({"product_id": catalogue.ids, "kind": kinds})
    return products.merge(by_kind, on="kind").drop(columns="kind")
