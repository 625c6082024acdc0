"""Messages that a journey has released and no sender has begun: they are stopped when they have lost their point.

Quiet hours, a cap or a server that asks for patience may put a message off for hours or days. If the person does
meanwhile what the journey is for, or the journey ends for her, it is cancelled, with that as the reason. What a sender
holds is left to it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import psycopg

from marketflow.campaigns.journeys.batch import event_statement
from marketflow.campaigns.journeys.news import News
from marketflow.warehouse import queries

_PIECE = 5_000  # messages per statement: a cancellation never locks a million rows at once


def stop_put_off(conn: psycopg.Connection, values: Mapping[str, Any], news: News | None = None) -> int:
    """Cancel what waits of visits that are over and, with `news`, of people who have reached the goal; how many.

    In pieces, each in a transaction of its own; a kill in between leaves the rest to the next tick. `values` has the
    `journey` and `now`. A goal that is a condition is asked when the person is due, and ends her visit then.
    """
    stopped, count, waiting = 0, _PIECE, 0
    while count >= _PIECE:
        with conn.transaction():
            waiting = _find(conn, values)
            count = _cancel_ended(conn, values, _PIECE) if waiting else 0
        stopped += count
    return stopped + (_stop_reached(conn, values, news) if news and waiting > count else 0)


def stop_ended(conn: psycopg.Connection, values: Mapping[str, Any]) -> int:
    """Cancel what waits of visits that are over; how many. Part of the caller's transaction, which has ended them."""
    _find(conn, values)
    return _cancel_ended(conn, values, None)


def _stop_reached(conn: psycopg.Connection, values: Mapping[str, Any], news: News) -> int:
    with conn.transaction():
        goals = conn.execute(queries("journeys")["goals"], values).fetchall()
    stopped = 0
    for event, versions in goals:
        kind, more = event_statement(event)
        count = _PIECE if news.is_worth(kind) else 0
        while count >= _PIECE:
            with conn.transaction():
                _find(conn, values)
                count = _cancel_reached(conn, kind, {**values, **more, "versions": versions, "most": _PIECE})
            stopped += count
    return stopped


def _find(conn: psycopg.Connection, values: Mapping[str, Any]) -> int:
    """Put what waits into pg_temp.journey_put_off; how many messages."""
    q = queries("journeys")
    conn.execute(q["drop_put_off"])
    conn.execute(q["make_put_off"])
    waiting = conn.execute(q["find_put_off"], values).rowcount
    conn.execute(q["analyze_put_off"])
    return waiting


def _cancel_ended(conn: psycopg.Connection, values: Mapping[str, Any], most: int | None) -> int:
    return conn.execute(queries("journeys")["cancel_ended"], {**values, "most": most}).rowcount


def _cancel_reached(conn: psycopg.Connection, kind: str, params: dict[str, Any]) -> int:
    """Ask those whose messages wait as a batch is asked about its goal."""
    q, params = queries("journeys"), {**params, "step": None, "since": "entry"}
    for statement in ("drop_moving", "make_moving", "make_hits", "take_put_off", "analyze_moving", f"hits_{kind}"):
        conn.execute(q[statement], params)
    stopped = conn.execute(q["cancel_reached"], params).rowcount
    conn.execute(q["drop_moving"])
    return stopped
