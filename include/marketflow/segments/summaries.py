"""What each customer bought within the window: summed up at once, or kept from day to day by what has changed."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

from marketflow.shared import Clock
from marketflow.warehouse import advance, load_transforms, position, queries, run_steps

TABLE = "features.purchase_summaries"
_CONSUMER = "purchase_summaries"
# From this share of customers on, looking each up takes longer than reading the whole index.
_TOO_MANY = 0.2


def set_summaries_aside(conn: psycopg.Connection, *, as_of: dt.date, window_days: int) -> None:
    """Sum up the `window_days` until `as_of` into the temporary table `purchases`; what is kept stays as it is."""
    _sum_up(conn, as_of, window_days, aside=True)


@contextmanager
def summaries_shown(conn: psycopg.Connection, *, aside: bool) -> Iterator[None]:
    """Have `pg_temp.summaries_shown` show those set aside, or those kept: unlike a UNION of both, a view is free."""
    q = queries("segments")
    conn.execute(q["show_aside" if aside else "show_kept"])
    yield
    conn.execute(q["show_no_more"])


def keep_summaries(conn: psycopg.Connection, *, clock: Clock, as_of: dt.date, window_days: int) -> bool:
    """Bring features.purchase_summaries to the `window_days` until `as_of`, in the caller's transaction.

    True: only the customers that were touched since it was last done were looked at. False: all, because it is the
    first time, or for another window, an earlier day or too many customers.
    """
    seen, newest = position(conn, _CONSUMER, ["customer"])
    values = {"as_of": as_of, "window_days": window_days, "position": seen, "newest": newest}
    moved = _advance(conn, values)
    if not moved:
        _sum_up(conn, as_of, window_days, aside=False)
    advance(conn, _CONSUMER, newest, clock.now())
    return moved


def _sum_up(conn: psycopg.Connection, as_of: dt.date, window_days: int, *, aside: bool) -> None:
    run_steps(conn, load_transforms()[TABLE], {"as_of": as_of, "window_days": window_days, "aside": aside})


def _advance(conn: psycopg.Connection, values: dict[str, object]) -> bool:
    """Move the kept window forward by what changed; False, with nothing done, where that can't be or does not pay."""
    q = queries("segments")
    kept = conn.execute(q["kept_window"]).fetchone()
    if kept is None or kept[0] > values["as_of"] or kept[1] != values["window_days"]:
        return False
    conn.execute(q["touched_forget"])
    conn.execute(q["touched"], {**values, "kept_as_of": kept[0]})
    counts = conn.execute(q["touched_count"]).fetchone()
    if counts is None or counts[0] > _TOO_MANY * counts[1]:
        return False
    for step in ("count_touched", "summarise_touched", "move_window"):
        conn.execute(q[step], values)
    return True
