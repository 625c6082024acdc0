"""What customers had bought by a day, summed up in SQL: all of it, and the newest part alone."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING

import psycopg

from marketflow.warehouse import fetch_frame, queries

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

# How far back each view of the same purchases looks. Rhythms change: the newest weeks say more about the next ones than
# their share of the history, and less than they seem to say alone.
MEMORIES = {"all": None, "13 weeks": 91, "4 weeks": 28}
_COLUMNS = {"all": "", "13 weeks": "long_", "4 weeks": "short_"}
_WORK_MEM = "128MB"


@dataclass(frozen=True, kw_only=True)
class Rhythm:
    """The customers with a purchase day within a memory: their places, and their figures in weeks, (customers,) each.

    frequency: purchase days after the first. recency: from the first to the last. age: from the first to the cut.
    """

    places: NDArray[np.int64]
    frequency: Floats
    recency: Floats
    age: Floats


@dataclass(frozen=True, kw_only=True)
class History:
    """What was known at the end of the day `cut`; a row of `frame` is a customer who had bought by then."""

    cut: dt.date
    frame: pd.DataFrame

    def rhythm(self, memory: str) -> Rhythm:
        """What one of MEMORIES holds; the first purchase day within it is the first, who has none is not there."""
        import numpy as np

        prefix = _COLUMNS[memory]
        days = self.frame[f"{prefix}days"].to_numpy()
        places = np.flatnonzero(days > 0)
        first = self.frame[f"{prefix}first_ago"].to_numpy(dtype=np.float64)[places]
        last = self.frame["last_ago"].to_numpy(dtype=np.float64)[places]
        return Rhythm(places=places, frequency=days[places] - 1.0, recency=(first - last) / 7, age=first / 7)

    def mean_value(self) -> tuple[Floats, Floats]:
        """(purchase days after the first with a known value, the mean money of one or 0), (customers,) each."""
        import numpy as np

        days = self.frame["paid_days"].to_numpy(dtype=np.float64)
        money = self.frame["paid"].to_numpy(dtype=np.float64)
        return days, np.where(days > 0, money / np.maximum(days, 1), 0.0)

    @property
    def length_days(self) -> int:
        """From the very first purchase to the cut."""
        return int(self.frame["first_ago"].max()) if len(self.frame) else 0


@dataclass(frozen=True, kw_only=True)
class Bought:
    """What the customers of a History bought after its cut, in its order: purchase days and money."""

    days: Floats
    money: Floats


def gather_purchases(conn: psycopg.Connection, *, as_of: dt.date, window_days: int | None) -> None:
    """Have the purchase days of the window until `as_of` at hand, for the rest of the transaction."""
    q = queries("customer_values")
    conn.execute(queries("builds")["memory"], {"work_mem": _WORK_MEM})
    conn.execute(q["forget"])
    conn.execute(q["gather"], {"as_of": as_of, "window_days": window_days})
    conn.execute(q["count_gathered"])


def history_until(conn: psycopg.Connection, cut: dt.date, horizon_days: int) -> History:
    """What was known at the end of the day `cut`, of what was gathered."""
    asked = {
        "cut": cut,
        "horizon_days": horizon_days,
        "long_days": MEMORIES["13 weeks"],
        "short_days": MEMORIES["4 weeks"],
    }
    return History(cut=cut, frame=fetch_frame(conn, queries("customer_values")["summaries"], asked))


def bought_after(conn: psycopg.Connection, history: History, until: dt.date) -> Bought:
    """What was bought after the cut until the end of the day `until`, of what was gathered."""
    import numpy as np

    found = fetch_frame(conn, queries("customer_values")["outcomes"], {"cut": history.cut, "until": until})
    places = np.searchsorted(history.frame["customer_id"].to_numpy(), found["customer_id"].to_numpy())
    days, money = np.zeros(len(history.frame)), np.zeros(len(history.frame))
    days[places], money[places] = found["bought_days"], found["money"]
    return Bought(days=days, money=money)


def repeats_by_day(conn: psycopg.Connection, history: History, until: dt.date) -> Floats:
    """Purchases after the first, of all customers of `history`, on each day from the very first until `until`."""
    import numpy as np
    import pandas as pd

    found = fetch_frame(conn, queries("customer_values")["repeats_by_day"], {"cut": history.cut, "until": until})
    start = pd.Timestamp(history.cut) - pd.Timedelta(days=history.length_days)
    counts = np.zeros((pd.Timestamp(until) - start).days + 1)
    counts[(found["ordered_on"] - start).dt.days.to_numpy()] = found["repeats"]
    return counts
