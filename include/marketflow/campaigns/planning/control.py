"""Stopping campaigns: pause, resume, cancel. All senders feel it with the next message that they would begin."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import psycopg

from marketflow.shared import Clock
from marketflow.warehouse import queries

_PIECE = 5_000  # messages per statement: a cancellation never locks a million rows at once


@dataclass(frozen=True, kw_only=True)
class Cancelled:
    """What a cancellation stopped. Messages that a sender held follow when it looks at them, and are not counted."""

    plans: int
    messages: int


def set_paused(conn: psycopg.Connection, campaign: str, *, paused: bool, by: str, clock: Clock) -> None:
    """Mirror the switch of a campaign's DAG: the senders read it, so messages not yet begun stay where they are."""
    params = {"campaign": campaign, "paused": paused, "by": by, "now": clock.now()}
    with conn.transaction():
        conn.execute(queries("campaign_control")["switch"], params)


def hold(conn: psycopg.Connection, campaign: str, *, held: bool, by: str, note: str | None, clock: Clock) -> bool:
    """Pause a campaign by the form, or take that back. Is it paused now? Its DAG's switch may still say so."""
    q = queries("campaign_control")
    params = {"campaign": campaign, "held": held, "by": by, "note": note, "now": clock.now()}
    with conn.transaction():
        conn.execute(q["hold"], params)
        row = conn.execute(q["is_paused"], params).fetchone()
    return bool(row and row[0])


def cancel(conn: psycopg.Connection, campaign: str, *, occasion: str | None, by: str, clock: Clock) -> Cancelled:
    """Stop an occasion of a campaign for good, or all that are under way. Nobody of it is written to any more.

    The plans are cancelled first, in one statement that waits for no planner, and committed: that is what senders look
    at. Then their messages, in pieces, so that a run that dies in between only leaves rows that no sender will begin:
    clear it. What was being planned meanwhile is stopped as well. Being sent right now, a message ends as it ends. The
    same occasion reaches nobody of the plan again. `conn` must not be in a transaction.
    """
    q = queries("campaign_control")
    params = {"campaign": campaign, "occasion": occasion, "by": by, "now": clock.now(), "most": _PIECE}
    plans = messages = 0
    while True:
        with conn.transaction():
            stopped = conn.execute(q["plans_cancel"], params).rowcount
        cancelled = _cancel_messages(conn, params)
        plans, messages = plans + stopped, messages + cancelled
        if not stopped:
            return Cancelled(plans=plans, messages=messages)


def _cancel_messages(conn: psycopg.Connection, params: Mapping[str, object]) -> int:
    q, total = queries("campaign_control"), 0
    with conn.transaction():
        plans = [int(i) for (i,) in conn.execute(q["cancelled_plans"], params).fetchall()]
    for plan_id in plans:
        count = -1
        while count:
            with conn.transaction():
                count = conn.execute(q["sends_cancel"], {**params, "plan_id": plan_id}).rowcount
            total += count
    return total
