"""Reads products, customers and their baskets as of a day; of baskets only what the memory has room for."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import psycopg

from marketflow.recommenders.products.catalogue import Catalogue, catalogue_of
from marketflow.recommenders.products.history import History
from marketflow.recommenders.products.learning import Shop, days_ago
from marketflow.warehouse import fetch_frame, fetch_integers, queries

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from marketflow.engines import Engine

SAMPLE = 100_000  # customers learnt from
_SCATTERED = 1_000_003


@dataclass(frozen=True, kw_only=True)
class Reader:
    """Reads as of a day, and nothing later. `customers`: all, ascending; `segments`: their names."""

    conn: psycopg.Connection
    as_of: dt.date
    window_days: int
    catalogue: Catalogue
    customers: NDArray[np.int64]
    segments: tuple[str, ...]
    _memberships: dict[int, tuple[NDArray[np.int64], NDArray[np.int64]]] = field(default_factory=dict)

    def shop(self, engine: Engine, seed: int) -> Shop:
        """A sample of the customers, with their purchases and with their segments of each day that is looked from."""
        import numpy as np

        kept = _SCATTERED if len(self.customers) <= SAMPLE else round(_SCATTERED * SAMPLE / len(self.customers))
        chosen = np.flatnonzero(self.customers % _SCATTERED * 618_034 % _SCATTERED < kept)
        sample = self.customers[chosen]
        history = self.history(sample)
        groups = {ago: self.groups(sample, ago) for ago in days_ago()}
        return Shop(
            catalogue=self.catalogue, history=history, groups=groups, group_count=len(self.segments) + 1, engine=engine,
            seed=seed,
        )  # fmt: skip

    def history(self, customers: NDArray[np.int64]) -> History:
        """What these customers, ascending, have bought."""
        import numpy as np

        params = {"as_of": self.as_of, "window_days": self.window_days, "customers": customers.tolist()}
        names = ("customer", "product", "order", "age")
        lines = fetch_integers(self.conn, queries("product_recommendations")["lines"], params, names)
        row, column = place_of(lines["customer"], customers), place_of(lines["product"], self.catalogue.ids)
        known = (row >= 0) & (column >= 0)  # else: customers merged, products added since the others were read
        return History(
            customer=row[known].astype(np.int32),
            product=column[known].astype(np.int32),
            basket=lines["order"][known],
            age=lines["age"][known].astype(np.int32),
            customers=len(customers),
            products=len(self.catalogue),
        )

    def groups(self, customers: NDArray[np.int64], ago: int) -> NDArray[np.int64]:
        """The number of each one's segment at the end of the day so many days ago; 0 where there was none."""
        import numpy as np

        if ago not in self._memberships:  # of everybody, since parts follow one another
            self._memberships[ago] = self._numbered(self.as_of - dt.timedelta(days=ago))
        who, number = self._memberships[ago]
        place = place_of(customers, who)
        return np.where(place >= 0, number[place], 0) if len(who) else np.zeros(len(customers), dtype=np.int64)

    def _numbered(self, day: dt.date) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """(customers, ascending; numbers of their segments) as of a day."""
        import numpy as np

        frame = fetch_frame(self.conn, queries("product_recommendations")["segments"], {"day": day})
        number = {name: n for n, name in enumerate(self.segments, start=1)}
        found = frame["segment"].map(number).fillna(0).to_numpy(dtype=np.int64)
        who: NDArray[np.int64] = frame["customer_id"].to_numpy(dtype=np.int64)
        order = np.argsort(who, kind="stable")
        return np.asarray(who[order]), np.asarray(found[order])


def read(conn: psycopg.Connection, as_of: dt.date, window_days: int, *, engine: Engine, seed: int) -> Reader:
    """Products and customers now, and a reader of what was bought in the `window_days` until `as_of`."""
    q = queries("product_recommendations")
    return Reader(
        conn=conn,
        as_of=as_of,
        window_days=window_days,
        catalogue=read_catalogue(conn, engine=engine, seed=seed),
        customers=fetch_integers(conn, q["customers"], {}, ("customer",))["customer"],
        segments=tuple(fetch_frame(conn, q["segment_names"])["segment"]),
    )


def read_catalogue(conn: psycopg.Connection, *, engine: Engine, seed: int) -> Catalogue:
    """All products of core that marts.products knows."""
    products = fetch_frame(conn, queries("product_recommendations")["products"])
    return catalogue_of(products.rename(columns={"product_type": "type"}), engine=engine, seed=seed)


def place_of(ids: NDArray[np.int64], among: NDArray[np.int64]) -> NDArray[np.int64]:
    """Where each id stands in `among`, which ascends; -1 for one that is not there."""
    import numpy as np

    if len(among) == 0:
        return np.full(len(ids), -1, dtype=np.int64)
    place = np.minimum(np.searchsorted(among, ids), len(among) - 1)
    return np.where(among[place] == ids, place, -1).astype(np.int64)
