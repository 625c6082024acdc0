"""Who was in which segment, from day to day: each published run adds the day that it is of."""

from __future__ import annotations

import datetime as dt
from typing import Any

import psycopg

from marketflow.segments.rfm import MODEL, cuts_of, score_customers
from marketflow.segments.rules import Cuts
from marketflow.segments.stays import Stays
from marketflow.shared import Clock
from marketflow.warehouse import (
    advance,
    copy_frame,
    fetch_integers,
    load_transforms,
    lock_job,
    position,
    queries,
    record_changes,
    run_transform,
    start_run,
)
from marketflow.warehouse.bulk import keys_afterwards
from marketflow.warehouse.transforms import note_freshness

TABLE = "models.segment_memberships"
BACKFILL_MONTHS = 12
_CONSUMER = "segment_history"  # its position is the run that was remembered last


def remember_segments(conn: psycopg.Connection, *, clock: Clock, months: int = BACKFILL_MONTHS) -> dict[str, int]:
    """Bring models.segment_memberships to the day of the published run of RFM, and marts.segment_migrations with it.

    What the history says of that day and of later ones is forgotten first, so that any day may be done again. The first
    time, the ends of at most `months` months before it are scored as of their days too, in the same way; they come from
    what core knows now of the orders until then. Gives `left`, `entered` and `backfilled` (days); nothing is done while
    no run is published, or the published one has been remembered. All in one transaction.
    """
    q = queries("segment_history")
    done = {"left": 0, "entered": 0, "backfilled": 0}
    with conn.transaction():
        lock_job(conn, "remember_segments")
        published = conn.execute(q["published"]).fetchone()
        if published is None:
            return done
        run_id, day, data_to, parameters = published
        if position(conn, _CONSUMER)[0] >= run_id:
            return done
        lock_job(conn, "build_marts")  # it reads the stays and writes the migrations, and would take these locks first
        conn.execute(q["memory"])
        rows = _counted(conn) - _undo(conn, day)
        if conn.execute(q["first_day"]).fetchone() == (None,):
            done["backfilled"] = _backfill(conn, day, parameters, clock, months)
        conn.execute(q["forget_seen"])
        conn.execute(q["seen"], {"run_id": run_id})
        done |= _remember(conn, day)
        known = None if done["backfilled"] else rows + done["entered"]
        note_freshness(conn, TABLE, now=clock.now(), data_as_of=data_to, rows=known)
        _count_migrations(conn, run_id, clock, data_to)
        advance(conn, _CONSUMER, run_id, clock.now())
        conn.execute(queries("warehouse")["lock_changes"])
        record_changes(conn, "model", ["segment_memberships"], clock.now())
    return done


def _counted(conn: psycopg.Connection) -> int:
    """How many rows the history has had; counting them anew takes longer each year."""
    row = conn.execute(queries("segment_history")["counted"]).fetchone()
    return int(row[0]) if row else 0


def _count_migrations(conn: psycopg.Connection, run_id: int, clock: Clock, data_to: dt.date | None) -> None:
    """Bring the mart up to date: the picture of the flow is drawn of it, and before the marts are built."""
    migrations = load_transforms()["marts.segment_migrations"]
    run_transform(conn, migrations, {"rfm_run": run_id}, now=clock.now(), data_as_of=data_to)


def _backfill(conn: psycopg.Connection, day: dt.date, parameters: dict[str, Any], clock: Clock, months: int) -> int:
    """The history of the ends of the months before `day`, scored as the published run was; how many there were.

    A month's customers are compared with those of the month before in memory, and all stays are written at once: seven
    million stays of a million customers take 200 MB.
    """
    q = queries("segment_history")
    window_days, cuts = int(parameters["window_days"]), cuts_of(parameters.get("scoring", "quantile"))
    names = [row[0] for row in conn.execute(q["segments"])]
    past = sorted(row[0] for row in conn.execute(q["month_ends"], {"as_of": day, "months": months}))
    conn.execute(q["forget_migrations"])
    lasting: Stays | None = None
    stays: list[tuple[Stays, dt.date | None]] = []
    for month_end in past:
        seen = _scored_as_of(conn, month_end, names, clock, window_days=window_days, cuts=cuts)
        over, lasting = seen.after(lasting)
        stays.append((over, month_end))
    if lasting is not None:
        stays.append((lasting, None))
    with keys_afterwards(conn, TABLE, sum(len(found.customers) for found, _ in stays)):
        for found, left_on in stays:
            copy_frame(conn, TABLE, found.rows(names, left_on=left_on))
    conn.execute(q["count_memberships"])
    return len(past)


def _scored_as_of(
    conn: psycopg.Connection, day: dt.date, names: list[str], clock: Clock, *, window_days: int, cuts: Cuts | None
) -> Stays:
    """The stays that begin on `day` if nobody was seen before; the run that finds them leaves nothing behind."""
    import numpy as np

    with conn.transaction(force_rollback=True):
        run = start_run(conn, MODEL, clock=clock, as_of=day, parameters={}, is_test=True)
        score_customers(conn, run, window_days, clock, cuts=cuts)
        values = {"run_id": run.run_id, "segments": names}
        found = fetch_integers(conn, queries("segment_history")["pack_segments"], values, ("customer", "segment"))
    order = np.argsort(found["customer"])
    since = np.full(len(order), np.datetime64(day, "D"))
    return Stays(
        customers=found["customer"][order], segments=(found["segment"][order] - 1).astype(np.int16), since=since
    )


def _undo(conn: psycopg.Connection, day: dt.date) -> int:
    """Forget what happened from `day` on, so that the day before is the newest; gives the number of deleted rows."""
    q = queries("segment_history")
    undone = conn.execute(q["undo_entered"], {"day": day}).rowcount
    conn.execute(q["undo_left"], {"day": day})
    return undone


def _remember(conn: psycopg.Connection, day: dt.date) -> dict[str, int]:
    """Add what `pg_temp.segments_seen` says of `day`, which is later than all that the history knows."""
    q = queries("segment_history")
    conn.execute(q["count_seen"])
    left = conn.execute(q["leave"], {"day": day}).rowcount
    return {"left": left, "entered": conn.execute(q["enter"], {"day": day}).rowcount}
