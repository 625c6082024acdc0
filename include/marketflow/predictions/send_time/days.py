"""The days and hours on which customers did something, read in bulk and counted by hour and by weekday."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import psycopg

from marketflow.warehouse import fetch_integers, queries

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

EVERYBODY = "everybody"
BLOCK = 100_000  # customers that are read and worked on at once
_WORK_MEM = "128MB"
_STEPS = ("forget", "own_events", "count_events", "dateless_times", "count_times", "active_days", "index_days")


@dataclass(frozen=True, kw_only=True)
class Dimension:
    """What is looked at: 24 hours that begin with 0, or 7 weekdays that begin with 1, Monday (ISO 8601).

    widths: how far a customer's own counts may be spread to both sides, to be chosen from; 0 is not at all.
    """

    name: Literal["hour", "weekday"]
    slots: int
    first: int
    widths: tuple[int, ...]


HOUR = Dimension(name="hour", slots=24, first=0, widths=(0, 1, 2))
WEEKDAY = Dimension(name="weekday", slots=7, first=1, widths=(0,))


@dataclass(frozen=True, kw_only=True)
class Days:
    """Days on which customers did something, by customer, each in her own time zone.

    customers: n ids, rising. starts: n + 1 places; the days of customer i are at starts[i] to starts[i + 1].
    ages: days before `as_of` (-1 where her day is already the next one). hours: a bit for each hour with activity.
    """

    as_of: dt.date
    customers: NDArray[np.int64]
    starts: NDArray[np.int64]
    ages: NDArray[np.int16]
    hours: NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.customers)

    def between(self, first: int, last: int) -> Days:
        """Customers number `first` up to `last`, exclusive, without copying."""
        low, high = int(self.starts[first]), int(self.starts[min(last, len(self))])
        return Days(
            as_of=self.as_of, customers=self.customers[first:last], starts=self.starts[first : last + 1] - low,
            ages=self.ages[low:high], hours=self.hours[low:high],
        )  # fmt: skip

    def sample(self, size: int, seed: int) -> Days:
        """All, or `size` customers drawn at random."""
        import numpy as np

        if len(self) <= size:
            return self
        chosen = np.sort(np.random.default_rng(seed).choice(len(self), size=size, replace=False))
        counts = np.diff(self.starts)
        kept = np.repeat(np.isin(np.arange(len(self)), chosen), counts)
        return Days(
            as_of=self.as_of, customers=self.customers[chosen], starts=np.concatenate([[0], np.cumsum(counts[chosen])]),
            ages=self.ages[kept], hours=self.hours[kept],
        )  # fmt: skip

    def tally(
        self,
        dimension: Dimension,
        *,
        oldest: int | None = None,
        newest: int | None = None,
        half_life: float | None = None,
    ) -> NDArray[np.float64]:
        """customers x slots: on how many days something was done at that hour, or on that weekday.

        Only days with newest <= age < oldest, in days. A day `half_life` older than the newest that may count weighs
        half; None weighs all the same.
        """
        import numpy as np

        n, slots = len(self), dimension.slots
        who = np.repeat(np.arange(n), np.diff(self.starts))
        low = -2 if newest is None else newest
        taken = (self.ages >= low) & (self.ages < (np.iinfo(np.int16).max if oldest is None else oldest))
        who, ages, hours = who[taken], self.ages[taken], self.hours[taken]
        weights = None if half_life is None else 0.5 ** ((ages - max(low, 0)) / half_life)
        if dimension.name == "weekday":
            place = (self.as_of.weekday() - ages.astype(np.int64)) % slots
            return np.bincount(who * slots + place, weights, n * slots).reshape(n, slots).astype(np.float64)
        counts = np.zeros((n, slots))
        for hour in range(slots):
            there = (hours >> hour) & 1 == 1
            counts[:, hour] = np.bincount(who[there], None if weights is None else weights[there], n)
        return counts


def read_days(conn: psycopg.Connection, *, as_of: dt.date, window_days: int, shop_zone: str) -> Days:
    """All that customers did in the `window_days` up to `as_of`. Memory: 6 bytes per customer and day."""
    q = queries("send_times")
    values = {"as_of": as_of, "window_days": window_days, "shop_zone": shop_zone}
    conn.execute(queries("builds")["memory"], {"work_mem": _WORK_MEM})
    for step in _STEPS:
        conn.execute(q[step], values)
    days = pack_days(_blocks(conn, as_of), as_of)
    conn.execute(q["forget"])
    return days


def _blocks(conn: psycopg.Connection, as_of: dt.date) -> Iterator[dict[str, NDArray[np.int64]]]:
    """(customer, age, hours) by customer and day, some customers at a time; gaps between ids are jumped over."""
    q, low = queries("send_times"), 0
    while (row := conn.execute(q["next_customer"], {"low": low}).fetchone()) and row[0] is not None:
        low = int(row[0]) + BLOCK
        bounds = {"as_of": as_of, "low": int(row[0]), "high": low}
        yield fetch_integers(conn, q["packed_days"], bounds, ("customer", "age", "hours"))


def pack_days(blocks: Iterable[dict[str, NDArray[np.int64]]], as_of: dt.date) -> Days:
    """Blocks of (customer, age, hours), each in order of customers and the blocks too, as Days."""
    import numpy as np

    ids, counts, ages, hours = [], [], [], []
    for block in blocks:
        found, number = np.unique(block["customer"], return_counts=True)
        ids.append(found)
        counts.append(number)
        ages.append(block["age"].astype(np.int16))
        hours.append(block["hours"].astype(np.int32))
    empty = np.zeros(0, dtype=np.int64)
    return Days(
        as_of=as_of,
        customers=np.concatenate([empty, *ids]),
        starts=np.concatenate([[0], np.cumsum(np.concatenate([empty, *counts]))]),
        ages=np.concatenate([empty.astype(np.int16), *ages]),
        hours=np.concatenate([empty.astype(np.int32), *hours]),
    )


@dataclass(frozen=True, kw_only=True)
class Segments:
    """Who was in which segment on a day: names, and by customer of a Days the place of hers, or len(names) for none."""

    names: tuple[str, ...]
    codes: NDArray[np.int64]


def read_segments(conn: psycopg.Connection, days: Days, cut: dt.date) -> Segments:
    """The segments of the customers of `days` as they were on the day `cut`; nothing entered later counts."""
    import numpy as np

    q = queries("send_times")
    names = tuple(str(name) for (name,) in conn.execute(q["segment_names"], {"cut": cut}))
    found = fetch_integers(conn, q["packed_segments"], {"cut": cut, "names": list(names)}, ("customer", "segment"))
    codes = np.full(len(days), len(names), dtype=np.int64)
    if len(found["customer"]) and len(days):
        place = np.minimum(np.searchsorted(days.customers, found["customer"]), len(days) - 1)
        known = days.customers[place] == found["customer"]
        codes[place[known]] = found["segment"][known]
    return Segments(names=names, codes=codes)
