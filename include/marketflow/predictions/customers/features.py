"""What is known of customers at the end of a day, by one statement over core.orders, and what they did next."""

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

SEED = 20260401
"""Of all that is drawn by chance here, and of the hash that takes samples of customers."""

_MEMORY = "128MB"


@dataclass(frozen=True, kw_only=True)
class Span:
    """The first and the last day with a purchase until a day (None without any), and the number of live customers."""

    first_on: dt.date | None
    last_on: dt.date | None
    customers: int


@dataclass(frozen=True, kw_only=True)
class Reading:
    """How customers are read: who bought in the `window_days` until the day, and of these one of `sample_of`."""

    window_days: int
    sample_of: int = 1


def read_span(conn: psycopg.Connection, as_of: dt.date) -> Span:
    """What there is to go by until `as_of`."""
    row = conn.execute(queries("customer_features")["span"], {"as_of": as_of}).fetchone()
    assert row is not None  # aggregates give one row
    return Span(first_on=row[0], last_on=row[1], customers=int(row[2]))


def sample_of(customers: int, at_most: int) -> int:
    """One of how many customers must be taken for about `at_most` of them."""
    return max(1, -(-customers // at_most))


def read_features(conn: psycopg.Connection, as_of: dt.date, reading: Reading) -> pd.DataFrame:
    """One row per live customer with a purchase in the window, by customer_id, from orders until `as_of` only.

    Columns: customer_id; as_of, first_on and last_on (days with purchases, of all time); last_gap in days;
    mean_log_gap, std_log_gap and recent_log_gap, of the natural logarithms of gaps in days (recent: that ended in the
    last 84 days); purchase_days and those of the last 14, 28, 56 and 84 days; revenue and revenue_84 in the shop's
    currency, what was brought back taken off and orders without a rate counted as 0; sales and returns, numbers of
    orders. Gaps that a customer does not have are NaN.
    """
    import pandas as pd

    q = queries("customer_features")
    conn.execute(queries("builds")["memory"], {"work_mem": _MEMORY})
    conn.execute(q["by_index"])
    frame = fetch_frame(
        conn,
        q["features"],
        {"as_of": as_of, "window_days": reading.window_days, "seed": SEED, "sample_of": reading.sample_of},
    )
    conn.execute(q["hash_again"])
    conn.execute(q["pages_again"])
    frame["as_of"] = pd.Timestamp(as_of)
    return frame


def read_next_purchases(
    conn: psycopg.Connection, features: pd.DataFrame, *, until: dt.date, sample_of: int = 1
) -> NDArray[np.float64]:
    """Days from the features' day to each customer's next purchase, in the order of the rows; inf: none by `until`."""
    import numpy as np

    if features.empty:
        return np.empty(0)
    as_of = features["as_of"].iloc[0].date()
    values = {"as_of": as_of, "until": until, "seed": SEED, "sample_of": sample_of}
    found = fetch_frame(conn, queries("customer_features")["next_purchases"], values).set_index("customer_id")["days"]
    days: NDArray[np.float64] = found.reindex(features["customer_id"]).to_numpy(dtype=np.float64, na_value=np.inf)
    return days
