"""What is reported of a message after it was handed over: the one door for bounces, complaints and deliveries.

A report may come twice, late, out of order, from a mailbox, a provider's webhook or a server's log: it counts once. It
shuts the address out at once where it must, and settles a message of which nobody knew whether it had arrived.
"""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass
from typing import Any, Literal

import psycopg

from marketflow.campaigns.delivery.limits_file import SoftBounces
from marketflow.shared import MarketflowError
from marketflow.shared.ids import event_id
from marketflow.warehouse import queries

Kind = Literal["delivered", "bounce_hard", "bounce_soft", "complaint"]
KINDS = ("delivered", "bounce_hard", "bounce_soft", "complaint")
CODE = re.compile(r"[245]\.\d{1,3}\.\d{1,3}|[245]\d\d|[a-z][a-z0-9_-]{0,39}")
SUPPRESSES = {"bounce_hard": "hard_bounce", "complaint": "complaint"}


@dataclass(frozen=True, kw_only=True)
class Recorded:
    """What a report has done. `send_id` is None: no message of ours. Not `is_new`: it had come before.

    `settled`: nobody knew whether the message had arrived, or it was to be sent again; now it counts as sent.
    """

    send_id: int | None
    is_new: bool = False
    suppressed: str | None = None
    settled: bool = False


def record_delivery_event(
    conn: psycopg.Connection,
    *,
    kind: Kind,
    source: str,
    occurred_at: dt.datetime,
    now: dt.datetime,
    send_id: int | None = None,
    message_id: str | None = None,
    key: str | None = None,
    code: str | None = None,
    soft: SoftBounces | None = None,
) -> Recorded:
    """Note one report about a message, given by its `send_id` or its Message-ID (with or without its brackets).

    `source` is where it comes from (`mailbox`, `ses` ...) and `key` its name there; without one, a source may report
    each kind once of a message. `code` is a status code such as `5.1.1`, or a word of the source's own; anything else
    (a server's words may name people) is left out. `soft`: when bounces for the time being shut an address out.
    One transaction, with the rights of the sender or the owner; safe to repeat.
    Raises MarketflowError for a kind that there is not.
    """
    if kind not in KINDS:
        raise MarketflowError(f"{kind!r} is no kind of delivery event; known are {', '.join(KINDS)}")
    with conn.transaction():
        send = _find(conn, send_id, message_id)
        if send is None:
            return Recorded(send_id=None)
        found, contact_point_id = send
        params: dict[str, Any] = {
            "event_id": event_id(f"delivery {source}", key or f"{kind} {found}"),
            "send_id": found,
            "kind": kind,
            "occurred_at": min(occurred_at, now),
            "now": now,
            "source": source,
            "code": code if code is not None and CODE.fullmatch(code) else None,
            "contact_point_id": contact_point_id,
        }
        q = queries("delivery_events")
        is_new, reason = conn.execute(q["event_insert"], params).fetchone() is not None, None
        # one that comes again, too: the first may have come while the sender still waited for its answer
        settled = conn.execute(q["settle_reported"], params).fetchone() is not None
        if is_new:
            reason = SUPPRESSES.get(kind) or _soft(conn, kind, contact_point_id, soft or SoftBounces(), now)
        if reason is not None:
            conn.execute(q["suppress"], {**params, "reason": reason})
    return Recorded(send_id=found, is_new=is_new, suppressed=reason, settled=settled)


def _find(conn: psycopg.Connection, send_id: int | None, message_id: str | None) -> tuple[int, int] | None:
    if (send_id is None) == (message_id is None):
        raise MarketflowError("a delivery event is about a send_id or a message_id, one of them")
    bare = None if message_id is None else message_id.strip().strip("<>")
    values = {"send_id": send_id, "message_id": bare}
    row = conn.execute(queries("delivery_events")["event_send"], values).fetchone()
    return None if row is None else (int(row[0]), int(row[1]))


def _soft(
    conn: psycopg.Connection, kind: str, contact_point_id: int, rule: SoftBounces, now: dt.datetime
) -> str | None:
    """Did the last messages to the address all bounce for the time being?"""
    if kind != "bounce_soft":
        return None
    values = {
        "contact_point_id": contact_point_id,
        "since": now - dt.timedelta(days=rule.within_days),
        "in_a_row": rule.in_a_row,
    }
    row = conn.execute(queries("delivery_events")["soft_bounces"], values).fetchone()
    return "soft_bounces" if row is not None and row[0] >= rule.in_a_row else None
