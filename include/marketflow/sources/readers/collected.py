"""The reader of the collector's segments: every message is a row of texts, or a bad record with its reason.

A message that names a person by mail address or telephone number gets a keyed hash in the place of that id. Properties
lose what is personal (see `scrub`). A message that came twice is two rows here; core has it once, by its id.
"""

from __future__ import annotations

import datetime as dt
import logging
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from mmap import mmap
from typing import TYPE_CHECKING, Any

import orjson

from marketflow.privacy import COLLECTED, AddressRefused, KeyRing, normalise_email
from marketflow.shared import ConfigurationError, SourceError
from marketflow.sources.readers.block import BLOCK_BYTES, KEPT, BadRecord, Block
from marketflow.sources.readers.frames import scan, unbundle
from marketflow.sources.readers.messages import (
    Message,
    TimeRefused,
    as_json,
    may_be_heavy,
    occurred_at,
    refusal,
    weight_refusal,
)
from marketflow.sources.readers.scrub import kept_context, looks_personal, scrub
from marketflow.sources.readers.traits import TRAITS, personal_traits

if TYPE_CHECKING:
    import pyarrow as pa

COLUMNS = (
    "message_id", "type", "event_type", "user_id", "anonymous_id", "campaign_id", "coupon_id", "product_id",
    "properties", "occurred_at", "received_at", "write_key", "identifies", *TRAITS,
)  # fmt: skip
_BLOCK_ROWS = 10_000  # of some KB each
_MAX_PROPERTIES = 32_768
_MAX_ID = 64
log = logging.getLogger(__name__)
Row = dict[str, str | None]


@dataclass
class _Gathering:
    """A block in the making."""

    numbers: list[int] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)
    bad: list[BadRecord] = field(default_factory=list)
    size: int = 0

    def is_full(self) -> bool:
        return len(self.rows) + len(self.bad) >= _BLOCK_ROWS or self.size >= BLOCK_BYTES

    def block(self) -> Block:
        import pyarrow as pa

        def column(name: str) -> pa.Array:
            return pa.array([row[name] for row in self.rows], pa.string())

        table = pa.table({name: column(name) for name in COLUMNS})
        return Block(numbers=pa.array(self.numbers, pa.int32()), rows=table, bad=self.bad)


class CollectedReader:
    """Reads one closed segment. `data` is its bytes; nothing but a block is held in memory."""

    def __init__(self, data: bytes | mmap, keys: KeyRing, name: str) -> None:
        self._data, self._keys, self._name = data, keys, name
        self._left_out: Counter[str] = Counter()

    @property
    def header(self) -> tuple[str, ...]:
        """The names of the columns."""
        return COLUMNS

    def blocks(self) -> Iterator[Block]:
        """All messages, once. Raises SourceError when the keys do not open the segment."""
        gathering, self._left_out = _Gathering(), Counter()
        for number, (found, size) in enumerate(self._messages(), 1):
            gathering.size += size
            if isinstance(found, dict):
                gathering.numbers.append(number)
                gathering.rows.append(found)
            else:
                reason, payload = found
                gathering.bad.append(BadRecord(number, reason, payload[:KEPT], len(payload)))
            if gathering.is_full():
                yield gathering.block()
                gathering = _Gathering()
        if gathering.rows or gathering.bad:
            yield gathering.block()
        self._tell()

    def _tell(self) -> None:
        if self._left_out:
            kinds = ", ".join(f"{kind} {n}" for kind, n in sorted(self._left_out.items()))
            log.info("%s: personal values left out of properties: %s", self._name, kinds)

    def _messages(self) -> Iterator[tuple[Row | tuple[str, bytes], int]]:
        opened = 0
        for stretch in scan(self._data):
            if stretch.body is None:
                lost = self._data[stretch.start : stretch.end]
                yield ("the collector's log is damaged here: this is no whole record", lost), len(lost)
                continue
            try:
                record = self._keys.decrypt(stretch.body, COLLECTED)
            except ConfigurationError as error:
                if not opened:  # not this record: the keys
                    raise SourceError(f"{self._name}: {error}") from None
                yield ("the record cannot be decrypted", stretch.body), len(stretch.body)
                continue
            opened += 1
            for request in unbundle(record):
                yield from self._of_request(request)

    def _of_request(self, record: bytes) -> Iterator[tuple[Row | tuple[str, bytes], int]]:
        head, _, body = record.partition(b"\n")
        try:
            meta, request = orjson.loads(head), orjson.loads(body)
        except orjson.JSONDecodeError:  # the collector has parsed it; another version of the parser may judge otherwise
            yield ("the request is not JSON", record), len(record)
            return
        if meta["call"] != "batch":
            yield self._row(request | {"type": meta["call"]}, meta, None, 0), len(body)
            return
        meta["heavy"] = may_be_heavy(body)
        shared = request.get("context") if isinstance(request.get("context"), dict) else {}
        for index, message in enumerate(request["batch"]):
            if shared and isinstance(message, dict) and isinstance(message.get("context"), dict | None):
                message["context"] = shared | (message.get("context") or {})
            yield self._row(message, meta, request.get("sentAt"), index), len(body) // len(request["batch"])

    def _row(self, message: object, meta: Message, sent: object, index: int) -> Row | tuple[str, bytes]:
        reason = refusal(message) or (weight_refusal(message) if meta.get("heavy") else None)
        if reason is None:
            assert isinstance(message, dict)
            try:
                return self._taken(message, meta, sent, index)
            except TimeRefused as error:
                reason = str(error)
        return reason, as_json(message) or b'"nested too deep to be kept"'

    def _taken(self, message: Message, meta: Message, sent: object, index: int) -> Row:
        received = dt.datetime.fromisoformat(meta["at"])
        moment, ahead = occurred_at(message, sent, received)
        kind, given = (
            message["type"],
            message.get("traits" if message["type"] in ("identify", "group") else "properties"),
        )
        inner = scrub(given or {}, self._left_out, may_be_named=kind in ("page", "screen", "group"))
        context = message.get("context") or {}
        row: Row = dict.fromkeys(COLUMNS)
        row |= personal_traits(given or {}, context, received) if kind == "identify" else {}
        row |= {
            "message_id": _text(message.get("messageId")) or f"{meta['id']}-{index}",
            "type": kind,
            "event_type": _event_type(message),
            "user_id": self._id(message.get("userId")),
            "anonymous_id": self._id(message.get("previousId" if kind == "alias" else "anonymousId")),
            "campaign_id": _first_id(inner.get("campaign_id"), _inside(context, "campaign").get("id")),
            "coupon_id": _first_id(inner.get("coupon_id"), inner.get("coupon")),
            "product_id": _first_id(inner.get("product_id"), inner.get("productId"), inner.get("sku")),
            "properties": self._properties(message, inner, context, ahead),
            "occurred_at": moment.isoformat(),
            "received_at": received.isoformat(),
            "write_key": meta["key"],
        }
        known = kind == "identify" and row["user_id"] and not meta["public"] and any(row[name] for name in TRAITS)
        row["identifies"] = "true" if known else "false"
        return row

    def _properties(self, message: Message, inner: dict[str, Any], context: Message, ahead: int) -> str:
        """The JSON text of the properties, and in `_collected` what else is known of the event."""
        more: dict[str, Any] = kept_context(context, self._left_out)
        more |= {n: _text(message[n]) for n in ("event", "name", "category", "groupId") if _text(message.get(n))}
        if ahead:
            more["clock_ahead_seconds"] = ahead
        whole = orjson.dumps({**inner, "_collected": more} if more else inner)
        return (whole if len(whole) <= _MAX_PROPERTIES else orjson.dumps(inner)).decode()

    def _id(self, value: object) -> str | None:
        """An id as text; a mail address or a telephone number by its keyed hash, by which it is the same each time."""
        text = _text(value)
        kind = looks_personal(text)
        if text is None or not kind:
            return text
        try:
            text = normalise_email(text)
        except AddressRefused:
            text = re.sub(r"[^+0-9a-z@.:]", "", text.lower())
        return f"{kind.rpartition(' ')[2]}-{self._keys.keyed_hash(text).hex()[:40]}"


def _event_type(message: Message) -> str:
    """`Product Viewed` becomes product_viewed; calls other than track are their own type."""
    if message["type"] != "track":
        return str(message["type"])
    name = _text(message["event"]) or ""
    return re.sub(r"\W+", "_", name.lower()).strip("_") or name


def _text(value: object) -> str | None:
    """A text or a number as text, without NUL, which PostgreSQL has no place for; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, str | int):
        return None
    return str(value).replace("\0", "").strip() or None


def _first_id(*values: object) -> str | None:
    found = (_text(value) for value in values)
    return next((text for text in found if text and len(text) <= _MAX_ID), None)


def _inside(context: Message, name: str) -> Message:
    found = context.get(name)
    return found if isinstance(found, dict) else {}
