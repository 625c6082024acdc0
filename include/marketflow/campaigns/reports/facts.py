"""What the edge service's journal `reports` says of a message, as a report: which kind it is, is judged here.

A fact is {outcome, at, code, send_id or message_id}: delivered, complaint, bounced (for good, says the provider),
bounce_soft, or about_us. No address, no name, no server's words. A bounce that named no message has `recipient`, the
keyed hash of an address (hexadecimal), instead; or nothing, as a complaint that named none.
"""

from __future__ import annotations

import datetime as dt
import re
from typing import Any, Literal

from marketflow.campaigns.delivery.event_batches import DeliveryReport
from marketflow.campaigns.delivery.events import CODE, Kind
from marketflow.campaigns.reports.codes import judge
from marketflow.shared.ids import MESSAGE_ID

_SOURCE = re.compile(r"[a-z][a-z0-9_]{0,39}")
_MESSAGE_ID = re.compile(MESSAGE_ID)
_MOST_ID = 2**63 - 1


def as_report(fact: object, source: object) -> DeliveryReport | Literal["about_us", "unnamed"] | None:
    """A fact that `source` told; None for what is none. `unnamed`: nobody can say which message it is about."""
    if not isinstance(fact, dict) or not isinstance(source, str) or not _SOURCE.fullmatch(source):
        return None
    code = fact.get("code")
    code = code if isinstance(code, str) and CODE.fullmatch(code) else None
    kind, at = _kind(fact.get("outcome"), code), _time(fact.get("at"))
    if kind == "about_us":
        return kind
    if kind is None or at is None:
        return None
    if not any(name in fact for name in ("send_id", "message_id", "recipient")):
        return "unnamed"
    recipient = _hash(fact.get("recipient"))
    if recipient is None and not _is_named(fact):
        return None
    return DeliveryReport(
        kind=kind, source=source, occurred_at=at, send_id=fact.get("send_id"), message_id=fact.get("message_id"),
        recipient_hash=recipient, code=code,
    )  # fmt: skip


def _kind(outcome: object, code: str | None) -> Kind | Literal["about_us"] | None:
    """A provider calls policy and a full mailbox a bounce for good: the code, where there is one, knows better."""
    if outcome in ("delivered", "complaint", "bounce_soft", "about_us"):
        return outcome
    if outcome != "bounced":
        return None
    says_more = code is not None and re.fullmatch(r"[245]\.(?!0\.0$)\d+\.\d+", code) is not None
    return judge(code or "").verdict if says_more else "bounce_hard"


def _is_named(fact: dict[str, Any]) -> bool:
    send_id, message_id = fact.get("send_id"), fact.get("message_id")
    if send_id is None:
        return isinstance(message_id, str) and _MESSAGE_ID.fullmatch(message_id) is not None
    return isinstance(send_id, int) and 0 < send_id <= _MOST_ID


def _hash(value: object) -> bytes | None:
    return bytes.fromhex(value) if isinstance(value, str) and re.fullmatch("[0-9a-f]{64}", value) else None


def _time(value: object) -> dt.datetime | None:
    try:
        at = dt.datetime.fromisoformat(str(value))
    except ValueError:
        return None
    return at if at.tzinfo is not None else None
