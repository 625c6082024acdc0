"""Reads campaigns, answers and purchases, of a sample of the customers or of a range of their numbers."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import psycopg

from marketflow.recommenders.campaigns.known import NEVER, Answers, Campaigns, Known, Purchases
from marketflow.recommenders.campaigns.measures import SEED
from marketflow.warehouse import fetch_frame, fetch_integers, queries

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    import scipy.sparse as sp
    from numpy.typing import NDArray

    Integers = NDArray[np.int64]

_EPOCH = dt.date(1970, 1, 1)
_ANSWERS = ("customer", "campaign", "received", "opened", "clicked", "redeemed", "bought")
_NOTED_ONCE = (
    "forget", "own_campaigns", "known_campaigns", "count_campaigns", "shown_events", "count_shown",
    "received_campaigns", "count_received", "known_answers", "find_answers", "count_answers", "make_scores",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Reading:
    """What is read: `history_days` back, and campaigns that begin in the `ahead_days` to come.

    attribution_days: within them a purchase counts as an answer to a campaign without coupons. usual_days: how long a
    campaign without a last day runs.
    """

    as_of: dt.date
    time_zone: str
    history_days: int
    ahead_days: int
    attribution_days: int
    usual_days: int = 28

    @property
    def day(self) -> int:
        """The day after `as_of`, as days since 1970: what was known the day before it is all that is read."""
        return days_of(self.as_of) + 1

    def values(self) -> dict[str, object]:
        """As the statements take them."""
        return {**vars(self), "never": NEVER, "seed": SEED}


def days_of(day: dt.date) -> int:
    """Days since 1970-01-01."""
    return (day - _EPOCH).days


class Reader:
    """Reads for one run; campaigns, everybody's answers to them and the catalogue are looked up once."""

    def __init__(self, conn: psycopg.Connection, reading: Reading) -> None:
        self.conn, self.reading = conn, reading
        self._q = queries("campaign_recommendations")
        for name in _NOTED_ONCE:
            conn.execute(self._q[name], self.reading.values())
        self._catalogue = fetch_frame(conn, self._q["read_products"])
        self.campaigns, self.names = self._campaigns()
        self._categories, self._category_names = _numbered(self._catalogue["category"])
        self._brands, _ = _numbered(self._catalogue["brand"])

    def customers(self) -> Integers:
        """The numbers of all live customers, ascending."""
        return self._integers("read_customer_ids", ("customer",))["customer"]

    def sample(self, most: int) -> Known:
        """Of `most` customers or a few more or less, drawn by a hash of their numbers; of all if there are no more."""
        sample_of = max(1, round(len(self.customers()) / most))
        self._ask("ask_sample", {"sample_of": sample_of, "seed": SEED})
        return self._known()

    def parts(self, size: int, since: int) -> Iterator[Known]:
        """Of all customers, `size` at a time; `since` as Known has it, which a part can't tell."""
        customers = self.customers()
        for start in range(0, len(customers), size):
            part = customers[start : start + size]
            self._ask("ask_range", {"first": int(part[0]), "last": int(part[-1])})
            yield self._known(since)

    def _ask(self, name: str, values: dict[str, object]) -> None:
        self.conn.execute(self._q["drop_asked"])
        self.conn.execute(self._q[name], values)
        self.conn.execute(self._q["count_asked"])

    def _known(self, since: int | None = None) -> Known:
        customers = self._integers("read_asked", ("customer",))["customer"]
        purchases = self._purchases(customers)
        first = int(purchases.day[0]) if len(purchases) else self.reading.day
        return Known(
            customers=customers, campaigns=self.campaigns, answers=self._answers(customers), purchases=purchases,
            categories=self._categories, brands=self._brands, category_names=self._category_names,
            since=first if since is None else since,
        )  # fmt: skip

    def _answers(self, customers: Integers) -> Answers:
        import numpy as np

        found = self._integers("read_answers", _ANSWERS)
        return Answers(**{**found, "customer": np.searchsorted(customers, found["customer"]).astype(np.int64)})

    def _purchases(self, customers: Integers) -> Purchases:
        import numpy as np

        found = self._integers("read_purchases", ("customer", "product", "day", "coupon"))
        order = np.lexsort((found["product"], found["customer"], found["day"]))
        return Purchases(
            customer=np.searchsorted(customers, found["customer"])[order].astype(np.int64),
            product=np.searchsorted(self._products, found["product"])[order].astype(np.int64),
            day=found["day"][order],
            coupon=found["coupon"][order],
        )

    def _campaigns(self) -> tuple[Campaigns, list[str]]:
        frame = fetch_frame(self.conn, self._q["read_campaigns"])
        texts = {name: frame[name].fillna("").tolist() for name in ("name", "theme", "channel", "place", "content")}
        clicked, redeemed = self._first_answers(len(frame))
        campaigns = Campaigns(
            ids=frame["campaign_id"].to_numpy("int64"),
            starts=_days(frame["starts_on"]), ends=_days(frame["ends_on"]),
            has_coupons=frame["has_coupons"].to_numpy(bool), clicked=clicked, redeemed=redeemed,
            products=self._offers(len(frame)),
            traits={name: texts[name] for name in ("theme", "channel", "place")},
            texts=[f"{name} {words}".strip() for name, words in zip(texts["name"], texts["content"], strict=True)],
        )  # fmt: skip
        return campaigns, texts["name"]

    def _first_answers(self, campaigns: int) -> tuple[Integers, Integers]:
        """(clicked, redeemed), as Campaigns has them."""
        import numpy as np

        found = self._integers("read_first_answers", ("campaign", "clicked", "redeemed"))
        days = np.full((2, campaigns), NEVER)
        days[:, found["campaign"]] = found["clicked"], found["redeemed"]
        return days[0], days[1]

    def _offers(self, campaigns: int) -> sp.csr_array:
        import numpy as np
        import scipy.sparse as sp

        found = self._integers("read_offers", ("campaign", "product"))
        places = (found["campaign"], np.searchsorted(self._products, found["product"]))
        shape = (campaigns, len(self._products))
        return sp.coo_array((np.ones(len(found["campaign"])), places), shape=shape).tocsr()

    @property
    def _products(self) -> Integers:
        return self._catalogue["product_id"].to_numpy("int64")

    def _integers(self, name: str, columns: tuple[str, ...]) -> dict[str, Integers]:
        return fetch_integers(self.conn, self._q[name], self.reading.values(), columns)


def _numbered(names: pd.Series[str]) -> tuple[Integers, list[str]]:
    """(numbers, names by number); -1 for what has no name."""
    import numpy as np

    texts = names.fillna("").to_numpy(object)
    known = sorted(set(texts) - {""})
    place = {name: n for n, name in enumerate(known)} | {"": -1}
    return np.array([place[text] for text in texts], dtype=np.int64), known


def _days(column: pd.Series[dt.date]) -> Integers:
    import numpy as np

    return column.to_numpy("datetime64[D]").astype(np.int64)
