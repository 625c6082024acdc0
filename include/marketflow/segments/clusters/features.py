"""What is known of each customer as of a day, in units that a person understands."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import psycopg

from marketflow.warehouse import fetch_frame, queries

if TYPE_CHECKING:
    import pandas as pd

EVENING_FROM = 17
SHARE = "share of "  # how the columns of the category mix begin
PEOPLE = {"age": "age_band", "income": "income_band", "household_size": "household_size", "kids": "kids_count"}
_DEPARTMENTS = 8
_OTHER = SHARE + "other departments"
_SCATTER = 1_000_003  # customers' numbers are scattered over as many places to draw a sample (clusters.sql)
# Periods of pg_temp.cluster_spending: before the window, in it until the cut, after the cut.
_WINDOW, _WINDOW_AT_CUT, _AFTER_CUT = (1, 2), (0, 1), (2,)


@dataclass(frozen=True, kw_only=True)
class Span:
    """The days that a run looks at: features as of `as_of`, and those of the backtest as of `cut`."""

    as_of: dt.date
    cut: dt.date
    window_days: int
    time_zone: ZoneInfo


@dataclass(frozen=True, kw_only=True)
class Departments:
    """The departments in which most was spent: their places in the list of all, and their names."""

    places: list[int]
    names: list[str]


def read_spending(conn: psycopg.Connection, span: Span) -> None:
    """Add up the order lines into pg_temp.cluster_spending, once for all that follows."""
    q = queries("clusters")
    conn.execute(q["memory"])
    conn.execute(q["forget_spending"])
    conn.execute(q["add_up_spending"], {"as_of": span.as_of, "cut_on": span.cut, "window_days": span.window_days})
    conn.execute(q["count_spending"])


def read_features(
    conn: psycopg.Connection, span: Span, *, at_cut: bool = False, most: int | None = None
) -> pd.DataFrame:
    """See `features_of`: of the live customers with a sale in the window until the day.

    at_cut: as of `span.cut`. most: draw about as many customers, by their numbers. Needs `read_spending`.
    """
    q, periods = queries("clusters"), _WINDOW_AT_CUT if at_cut else _WINDOW
    values = _values(span, span.cut if at_cut else span.as_of, span.window_days, _kept(conn, most))
    conn.execute(q["forget_customers"])
    conn.execute(q["choose_customers"], values)
    conn.execute(q["count_customers"])
    bought = fetch_frame(conn, q["behaviour"], values)
    spent = _read_mix(conn, periods, _departments(conn, periods))
    return features_of(bought, spent, fetch_frame(conn, q["people"], values))


def read_outcomes(conn: psycopg.Connection, span: Span) -> pd.DataFrame:
    """What the customers whose features were read at the cut did after it, until `as_of`: see `features_of`.

    One row for each who bought anything, by the departments that are told apart at the cut.
    """
    q, days = queries("clusters"), (span.as_of - span.cut).days
    bought = fetch_frame(conn, q["behaviour"], _values(span, span.as_of, days, _SCATTER))
    spent = _read_mix(conn, _AFTER_CUT, _departments(conn, _WINDOW_AT_CUT))
    return features_of(bought, spent)


def features_of(bought: pd.DataFrame, spent: pd.DataFrame, people: pd.DataFrame | None = None) -> pd.DataFrame:
    """One row per customer of `bought`: `customer_id`, `orders`, then the features; times in days, shares in 0 to 1.

    Amounts are in the shop's currency. Nothing is missing but what is not known of a person (NaN), and the mix of
    who spent nothing in any department (NaN in all shares).
    """
    import pandas as pd

    orders, days = bought["orders"].clip(lower=1), bought["purchase_days"].clip(lower=1)
    found = pd.DataFrame(
        {
            "customer_id": bought["customer_id"],
            "orders": bought["orders"],
            "recency_days": bought["recency_days"].astype(float),
            "purchase_days": bought["purchase_days"].astype(float),
            "revenue": bought["revenue"].round(2),
            "basket": (bought["sales"] / orders).round(4),
            "rhythm_days": bought["known_days"] / days,
            "lines": bought["lines"] / orders,
            "discount_share": (bought["discount"] / bought["full_price"].where(bought["full_price"] > 0)).fillna(0.0),
            "weekend_share": bought["weekend_orders"] / orders,
            "evening_share": bought["evening_orders"] / orders,
        }
    )
    mix = found[["customer_id"]].merge(spent, on="customer_id", how="left").drop(columns="customer_id")
    total = mix.sum(axis=1)
    shares = mix.div(total.where(total > 0), axis=0)
    if people is None:
        return pd.concat([found, shares], axis=1)
    known = found[["customer_id"]].merge(people, on="customer_id", how="left")
    numbers = pd.DataFrame({name: band_number(known[column]) for name, column in PEOPLE.items()})
    return pd.concat([found, shares, numbers], axis=1)


def band_number(bands: pd.Series[str]) -> pd.Series[float]:
    """A number for each band: the middle of `35-49K`, the end of `65+` or `Under 15K`; NaN where it says no number."""
    import pandas as pd

    words = pd.Series(bands.dropna().unique(), dtype="string")
    ends = words.str.extractall(r"(\d{1,9}(?:\.\d{1,3})?)")[0].astype(float).groupby(level=0).mean()
    middles = dict(zip(words[ends.index], ends, strict=True))
    return bands.map(middles).astype(float)


def _values(span: Span, day: dt.date, window_days: int, kept: int) -> dict[str, object]:
    return {
        "as_of": day, "window_days": window_days, "kept": kept, "evening_from": EVENING_FROM,
        "time_zone": str(span.time_zone),
    }  # fmt: skip


def _kept(conn: psycopg.Connection, most: int | None) -> int:
    """How many of the scattered places are drawn, for about `most` of all live customers."""
    row = conn.execute(queries("clusters")["live_count"]).fetchone()
    live = int(row[0]) if row else 0
    return _SCATTER if most is None or live <= most else max(1, _SCATTER * most // live)


def _departments(conn: psycopg.Connection, periods: tuple[int, ...]) -> Departments:
    """Those in which everybody spent most in the periods."""
    chosen = {"periods": list(periods), "most": _DEPARTMENTS}
    rows = conn.execute(queries("clusters")["departments"], chosen).fetchall()
    return Departments(places=[int(place) for place, _ in rows], names=[str(name) for _, name in rows])


def _read_mix(conn: psycopg.Connection, periods: tuple[int, ...], among: Departments) -> pd.DataFrame:
    """What the chosen customers spent, by department: one row for each who spent anything, `customer_id` first."""
    values = {"periods": list(periods), "places": among.places}
    spent = fetch_frame(conn, queries("clusters")["spending"], values).iloc[:, : len(among.names) + 2]
    spent.columns = ["customer_id", _OTHER, *(SHARE + name for name in among.names)]
    return spent.round(2)  # sums of fractions differ in the last digits by the order in which they are added
