"""One message of the Segment protocol: what is wrong with it, and when it happened.

Shared by the collector, which tells the sender, and by the reader of its log, which sends it to quarantine: both give
the same reason. No reason repeats a value.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

import orjson

from marketflow.sources.readers.scrub import looks_personal

CALLS = ("track", "identify", "page", "screen", "group", "alias")
MAX_EVENT = 32_768  # bytes of one message, as Segment has it
MAX_BATCH = 512_000  # bytes of one request
MAX_MESSAGES = 2_500  # in one batch
MAX_DEPTH = (
    32  # objects and arrays within each other, the message itself counted; the contract allows its properties as many
)
MAX_NAME = 100  # characters of an event's name, as the contract has it
TOLERANCE = dt.timedelta(minutes=5)  # that a time may lie after its arrival and still be taken for its arrival
_OBJECTS = ("properties", "traits", "context")
_TEXTS = ("messageId", "timestamp", "originalTimestamp", "sentAt")
_LENGTHS = {"userId": 64, "anonymousId": 64, "previousId": 64, "messageId": 200}  # characters, as the contract has it
_SHAPED = frozenset((*_OBJECTS, *_TEXTS, *_LENGTHS))
Message = Mapping[str, Any]


def verdict(message: object, *, is_heavy: bool, shared: Message) -> str | None:
    """Why a message cannot be taken; None when it can.

    `shared`: what it has of its batch's context; `is_heavy`: its request may be (see may_be_heavy). The weight comes
    first, so that nothing else is asked of a text without bounds.
    """
    return (weight_refusal(message, shared) if is_heavy else None) or refusal(message)


def refusal(message: object) -> str | None:
    """What is wrong with a message's kind and shape. Takes what JSON has; `type` must be there."""
    if not isinstance(message, dict):
        return "the message is not a JSON object"
    return _kind_refusal(message) or _shape_refusal(message)


def _kind_refusal(message: Message) -> str | None:
    kind = message.get("type")
    if kind not in CALLS:
        return f"type: is none of {', '.join(CALLS)}"
    has_user = is_id(message.get("userId"))
    if kind == "alias" and not (has_user and is_id(message.get("previousId"))):
        return "userId and previousId: an alias needs both"
    if not (has_user or is_id(message.get("anonymousId"))):
        return "userId and anonymousId: both are missing"
    return _event_refusal(message.get("event"), is_needed=kind == "track")


def _event_refusal(event: object, *, is_needed: bool) -> str | None:
    if is_needed and (not isinstance(event, str) or not event.strip()):
        return "event: the name of what happened is missing"
    if isinstance(event, str) and len(event) > MAX_NAME:
        return f"event: its name is longer than {MAX_NAME} characters"
    if looks_personal(event):
        return "event: its name holds a mail address, a telephone number or an IP address"
    return None


def _shape_refusal(message: Message) -> str | None:
    """Of the first part that has not the shape it should have; in one pass, as every event goes through it."""
    for name, value in message.items():
        if name in _SHAPED and value is not None and (reason := _part_refusal(name, value)):
            return f"{name}: {reason}"
    return None


def _part_refusal(name: str, value: object) -> str | None:
    if name in _OBJECTS:
        return None if isinstance(value, dict) else "is not an object"
    if not isinstance(value, str):
        return "is not a text" if name in _TEXTS else None
    most = _LENGTHS.get(name)
    if most and len(value) > most and not looks_personal(value):  # which becomes a hash
        return f"is longer than {most} characters"
    return None


def may_be_heavy(body: bytes) -> bool:
    """Can a message of this request be too large or nested too deep? Cheap: most requests are neither."""
    return len(body) > MAX_EVENT or body.count(b"{") + body.count(b"[") > MAX_DEPTH


def with_context(message: Any, shared: Message) -> Any:
    """The message with what it has of its batch's context; its own parts come first."""
    own = message.get("context") if isinstance(message, dict) else False
    return message | {"context": {**shared, **(own or {})}} if shared and isinstance(own, dict | None) else message


def weight_refusal(message: object, shared: Message) -> str | None:
    """Why one message is too heavy; None when it is not."""
    if depth(message, MAX_DEPTH) > MAX_DEPTH:
        return f"the message is nested deeper than {MAX_DEPTH} levels"
    size = len(as_json(with_context(message, shared)))
    beside = ", with the context of its batch" if shared else ""
    return f"the message has {size} bytes, more than {MAX_EVENT}{beside}" if size > MAX_EVENT else None


def as_json(message: object) -> bytes:
    """The message as compact JSON; empty when it is nested too deep for that."""
    try:
        return orjson.dumps(message)
    except orjson.JSONEncodeError:
        return b""


def is_id(value: object) -> bool:
    """May this be a user's or a visitor's id? Numbers are taken for their digits."""
    if isinstance(value, str):
        return bool(value.strip())
    return isinstance(value, int) and not isinstance(value, bool)


def depth(value: object, enough: int) -> int:
    """How deep objects and arrays are nested; stops counting beyond `enough`. Without recursion."""
    level, found = [value], 0
    while found <= enough:
        level = [
            inner
            for outer in level
            if isinstance(outer, dict | list)
            for inner in (outer.values() if isinstance(outer, dict) else outer)
            if isinstance(inner, dict | list)
        ]
        if not level:
            return found + isinstance(value, dict | list)
        found += 1
    return found + 1


class TimeRefused(ValueError):
    """The message has no believable time; the reason may be stored."""


def occurred_at(message: Message, sent: object, received: dt.datetime) -> tuple[dt.datetime, int]:
    """When it happened, and by how many seconds the sender's clock was ahead of ours (0: within a minute, or unknown).

    As Segment does: received - (sent - original), so that a wrong clock cancels out. Without the time of sending the
    original counts as it is. Without either it is the arrival. Raises TimeRefused.
    """
    original = _instant(message, "originalTimestamp") or _instant(message, "timestamp")
    sent_at = _parsed(message.get("sentAt") or sent)
    if original is None:
        return received, 0
    try:
        moment = received - (sent_at - original) if sent_at else original
    except OverflowError:
        raise TimeRefused("timestamp: is beyond all calendars") from None
    if moment > received + TOLERANCE:
        raise TimeRefused(_from_the_future(moment - received, is_corrected=sent_at is not None))
    ahead = round((sent_at - received).total_seconds()) if sent_at else 0
    return min(moment, received), ahead if abs(ahead) > 60 else 0


def _from_the_future(distance: dt.timedelta, *, is_corrected: bool) -> str:
    hours = distance.total_seconds() / 3600
    why = "although sentAt was considered" if is_corrected else "and there is no sentAt by which to correct the clock"
    return f"timestamp: lies {hours:.1f} hours after the arrival, {why}"


def _instant(message: Message, name: str) -> dt.datetime | None:
    text = message.get(name)
    if text is None or text == "":
        return None
    found = _parsed(text)
    if found is None:
        raise TimeRefused(f"{name}: is not a time with its zone (ISO 8601)")
    return found


def _parsed(text: object) -> dt.datetime | None:
    if not isinstance(text, str) or len(text) > 40:
        return None
    try:
        found = dt.datetime.fromisoformat(text)
        return found.astimezone(dt.UTC) if found.tzinfo else None
    except (ValueError, OverflowError):
        return None
