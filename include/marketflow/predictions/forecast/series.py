"""What was sold by day: kept in features.daily_sales, and read as series without gaps."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import psycopg

from marketflow.predictions.forecast.calendar import Promotion
from marketflow.predictions.forecast.methods import MIN_DAYS
from marketflow.shared import Clock
from marketflow.warehouse import (
    advance,
    data_as_of,
    fetch_frame,
    load_transforms,
    position,
    queries,
    run_transform,
)

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

TABLE = "features.daily_sales"
OTHER = "other"
MOST_DAYS = 3 * 366  # what is older says little about the weeks to come
_CONSUMER = "daily_sales"
_WORK_MEM = "128MB"
_CATEGORIES = 8
_RANKED_BY_DAYS = 365
_GAP_DAYS = 56
_QUIET_DAYS = 28


@dataclass(frozen=True, kw_only=True, eq=False)
class Series:
    """Revenue by day in the shop's currency, from `first_on` on without a gap; a day without a sale is 0."""

    kind: str
    name: str
    first_on: dt.date
    values: NDArray[np.float64]

    @property
    def label(self) -> str:
        """As people read it: `total`, `category GROCERY`."""
        return self.name if self.kind == "total" else f"{self.kind} {self.name}"

    def missing(self) -> str | None:
        """What the series lacks to be forecast, in words; None: nothing."""
        if len(self.values) < MIN_DAYS:
            return f"{len(self.values)} days of sales since {self.first_on}; {MIN_DAYS} are needed"
        if not self.values[-_QUIET_DAYS:].any():
            return f"nothing sold in the last {_QUIET_DAYS} days"
        return None


def keep_daily_sales(conn: psycopg.Connection, *, clock: Clock) -> dict[str, int]:
    """Bring features.daily_sales up to date with core, in the caller's transaction.

    Only days that were touched since the last time are written anew; all categories where a product has moved to
    another department, and all segments where the history of segments has been rewritten. Gives how many days of each.
    """
    q, now = queries("sales_forecasts"), clock.now()
    conn.execute(queries("builds")["memory"], {"work_mem": _WORK_MEM})
    seen, newest = position(conn, _CONSUMER, ["day"])
    kept = _kept_marks(conn)
    values: dict[str, list[dt.date]] = {"days": [], "category_days": [], "segment_days": []}
    if kept is None:
        values["days"] = _days(conn, q["all_days"])
    else:
        values["days"] = _days(conn, queries("builds")["touched_days"], position=seen, newest=newest)
        if _fingerprint(conn, "departments", kept) != kept["departments"]:
            values["category_days"] = _days(conn, q["all_days"])
        if _fingerprint(conn, "memberships", kept) != kept["memberships"]:
            values["segment_days"] = _days(conn, q["all_days"])
    # noted before the days are counted: what others change meanwhile is found the next time
    _write_marks(conn, kept, anew=any(values.values()))
    run_transform(conn, load_transforms()[TABLE], values, now=now, data_as_of=data_as_of(conn, clock))
    advance(conn, _CONSUMER, newest, now)
    return {name: len(days) for name, days in values.items()}


def _days(conn: psycopg.Connection, query: str, **values: int) -> list[dt.date]:
    return [row[0] for row in conn.execute(query, values)]


def _kept_marks(conn: psycopg.Connection) -> dict[str, Any] | None:
    row = conn.execute(queries("sales_forecasts")["kept_marks"]).fetchone()
    return (
        None if row is None else dict(zip(("products_to", "departments", "months_to", "memberships"), row, strict=True))
    )


def _fingerprint(conn: psycopg.Connection, name: str, bounds: dict[str, Any]) -> Any:
    row = conn.execute(queries("sales_forecasts")[name], bounds).fetchone()
    assert row is not None  # an aggregate always has a row
    return row[0]


def _write_marks(conn: psycopg.Connection, kept: dict[str, Any] | None, *, anew: bool) -> None:
    """Note by what the days were counted, unless all of that is noted already."""
    q = queries("sales_forecasts")
    row = conn.execute(q["new_bounds"]).fetchone()
    assert row is not None  # two aggregates
    bounds = {"products_to": row[0], "months_to": row[1]}
    if not anew and kept is not None and bounds.items() <= kept.items():
        return
    found = {name: _fingerprint(conn, name, bounds) for name in ("departments", "memberships")}
    conn.execute(q["write_marks"], {**bounds, **found})


def read_sales(conn: psycopg.Connection, as_of: dt.date) -> list[Series]:
    """All series up to the last day with revenue that is not after `as_of`: the total, categories, segments.

    The categories are the eight that brought most in the year until then, and what is left as `other`; one that is
    sold later only does not exist yet. A series begins with its first sale, or with the first after eight weeks
    without one. No rows: no series.
    """
    values = {"as_of": as_of, "most_days": MOST_DAYS}
    frame = fetch_frame(conn, queries("sales_forecasts")["daily_sales"], values)
    if frame.empty:
        return []
    last = frame["sold_on"].max()
    parts = [_wide(frame, "total", last), _biggest(_wide(frame, "category", last)), _wide(frame, "segment", last)]
    kinds = ("total", "category", "segment")
    return [series for kind, wide in zip(kinds, parts, strict=True) for series in _columns(kind, wide)]


def read_promotions(conn: psycopg.Connection, as_of: dt.date, clock: Clock) -> tuple[Promotion, ...]:
    """Campaigns and coupons of the shop that were known on the day `as_of`."""
    values = {"as_of": as_of, "time_zone": clock.time_zone.key}
    rows = conn.execute(queries("sales_forecasts")["promotions"], values)
    return tuple(Promotion(first_on=first, last_on=last, known_on=known) for first, last, known in rows)


def _wide(frame: pd.DataFrame, kind: str, last: pd.Timestamp) -> pd.DataFrame:
    """One column per series of the kind, one row per day until `last`."""
    import pandas as pd

    rows = frame[frame["series_kind"] == kind]
    if rows.empty:
        return pd.DataFrame()
    days = pd.date_range(rows["sold_on"].min(), last, freq="D")
    return (
        rows.pivot_table(index="sold_on", columns="series", values="revenue", aggfunc="sum").reindex(days).fillna(0.0)
    )


def _biggest(wide: pd.DataFrame) -> pd.DataFrame:
    """The biggest categories of the last year by revenue, equals by name, and all others as one."""
    named = wide.drop(columns=OTHER, errors="ignore")
    sums = named.tail(_RANKED_BY_DAYS).sum().sort_index().sort_values(ascending=False, kind="stable")
    kept = named[list(sums.index[:_CATEGORIES])].copy()
    rest = wide.drop(columns=list(kept.columns))
    if not rest.columns.empty:
        kept[OTHER] = rest.sum(axis=1)
    return kept


def _columns(kind: str, wide: pd.DataFrame) -> Iterator[Series]:
    import numpy as np

    for name in wide.columns:
        values = wide[name].to_numpy(dtype=float)
        sold = np.flatnonzero(values)
        if not sold.size:
            continue
        breaks = np.flatnonzero(np.diff(sold) > _GAP_DAYS)
        first = int(sold[breaks[-1] + 1] if breaks.size else sold[0])
        yield Series(kind=kind, name=str(name), first_on=wide.index[first].date(), values=values[first:])
