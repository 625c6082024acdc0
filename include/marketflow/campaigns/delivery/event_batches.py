"""Many reports at once, as `record_delivery_event` would take each: four statements for thousands of them.

It comes to the same as taking them one after the other, those of the batch that are bounces for the time being last.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import psycopg

from marketflow.campaigns.delivery.events import CODE, KINDS, SUPPRESSES, Kind, Recorded
from marketflow.campaigns.delivery.limits_file import SoftBounces
from marketflow.shared import MarketflowError
from marketflow.warehouse import queries

RECENT = dt.timedelta(days=8)
"""Servers try for five days, and some for seven: what comes back of an address is about a message of these days."""


@dataclass(frozen=True, kw_only=True, slots=True)
class DeliveryReport:
    """What somebody reports of one message, which it names by `send_id` or else by `message_id`.

    `recipient_hash`: the keyed hash of an address; the report counts only if the message was sent to that address.
    Where it names no message, it is about the last one that went to the address in the days before (`RECENT`).
    """

    kind: Kind
    source: str
    occurred_at: dt.datetime
    send_id: int | None = None
    message_id: str | None = None
    recipient_hash: bytes | None = None
    key: str | None = None
    code: str | None = None


@dataclass(frozen=True, slots=True)
class _Found:
    number: int
    send_id: int
    contact_point_id: int
    kind: str
    is_new: bool


def record_delivery_events(
    conn: psycopg.Connection,
    reports: Sequence[DeliveryReport],
    *,
    now: dt.datetime,
    soft: SoftBounces | None = None,
) -> list[Recorded]:
    """What each report has done, in their order; see `record_delivery_event` for what is recorded.

    One transaction, with the rights of the sender or the owner; safe to repeat. Some thousands at a time.
    Raises MarketflowError for a kind that there is not, or a report that does not say which message it is about.
    """
    if not reports:
        return []
    with conn.transaction():
        found = _insert(conn, reports, now)
        values = {"send_ids": sorted({f.send_id for f in found}), "now": now}
        settled = {row[0] for row in conn.execute(queries("delivery_events")["settle_many_reported"], values)}
        reasons = _suppress(conn, found, soft or SoftBounces(), now)
    done = [Recorded(send_id=None)] * len(reports)
    for f in found:
        done[f.number] = Recorded(
            send_id=f.send_id, is_new=f.is_new, suppressed=reasons.get(f.number), settled=f.send_id in settled
        )
    return done


def _insert(conn: psycopg.Connection, reports: Sequence[DeliveryReport], now: dt.datetime) -> list[_Found]:
    for report in reports:
        if report.kind not in KINDS:
            raise MarketflowError(f"{report.kind!r} is no kind of delivery event; known are {', '.join(KINDS)}")
        if report.send_id is None and report.message_id is None and report.recipient_hash is None:
            raise MarketflowError("a delivery event is about a send_id or a message_id, or about an address")
    values: dict[str, Any] = {
        "now": now,
        "recent": RECENT,
        "numbers": list(range(len(reports))),
        "send_ids": [r.send_id for r in reports],
        "message_ids": [r.message_id and r.message_id.strip().strip("<>") for r in reports],
        "recipients": [r.recipient_hash for r in reports],
        "kinds": [r.kind for r in reports],
        "times": [min(r.occurred_at, now) for r in reports],
        "sources": [r.source for r in reports],
        "keys": [r.key for r in reports],
        "codes": [r.code if r.code is not None and CODE.fullmatch(r.code) else None for r in reports],
    }
    rows = conn.execute(queries("delivery_events")["events_insert"], values).fetchall()
    return [_Found(*row) for row in rows]


def _suppress(conn: psycopg.Connection, found: Sequence[_Found], soft: SoftBounces, now: dt.datetime) -> dict[int, str]:
    """Shut out whom it must; the reason by the number of the report that gave it."""
    new = [f for f in found if f.is_new]
    reasons = {f.number: SUPPRESSES[f.kind] for f in new if f.kind in SUPPRESSES}
    last_soft = {f.contact_point_id: f.number for f in new if f.kind == "bounce_soft"}
    if last_soft:
        values = {
            "contact_point_ids": sorted(last_soft),
            "since": now - dt.timedelta(days=soft.within_days),
            "in_a_row": soft.in_a_row,
        }
        rows = conn.execute(queries("delivery_events")["soft_bounces_of_many"], values)
        reasons |= {last_soft[row[0]]: "soft_bounces" for row in rows}
    told = [f for f in new if f.number in reasons]
    if told:
        values = {
            "contact_point_ids": [f.contact_point_id for f in told],
            "reasons": [reasons[f.number] for f in told],
            "now": now,
        }
        conn.execute(queries("delivery_events")["suppress_many"], values)
    return reasons
