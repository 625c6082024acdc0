"""The reader of the collector's segments: every message is a row of texts, or a bad record with its reason.

A message that names a person by mail address or telephone number gets a keyed hash in the place of that id. Properties
lose what is personal (see `scrub`). A message that came twice is two rows here; core has it once, by its id.

A public key stands where anybody can read it, so what is sent with it is one's own word only: its event has an id that
no event of a secret key has, joins no visitor to a customer, and changes nobody's record.
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
from marketflow.sources.readers.clicks import click_of
from marketflow.sources.readers.frames import scan, unbundle
from marketflow.sources.readers.messages import (
    MAX_EVENT,
    Message,
    TimeRefused,
    as_json,
    may_be_heavy,
    occurred_at,
    verdict,
    with_context,
)
from marketflow.sources.readers.scrub import kept_context, looks_personal, scrub, shared_context
from marketflow.sources.readers.traits import TRAITS, personal_traits

if TYPE_CHECKING:
    import pyarrow as pa

COLUMNS = (
    "event_id", "message_id", "type", "event_type", "user_id", "anonymous_id", "campaign_id", "coupon_id", "product_id",
    "properties", "occurred_at", "received_at", "write_key", "identifies", *TRAITS,
)  # fmt: skip
_BLOCK_ROWS = 10_000  # of some KB each
_MAX_PROPERTIES = 32_768
_MAX_ID = 64
_SAMPLE = 1_024  # bytes that quarantine keeps of a message that was too large to be read
_PUBLIC, _OURS = "public:", "secret:"  # what an event's id begins with, so that no two kinds of key share one
log = logging.getLogger(__name__)
Row = dict[str, str | None]


@dataclass(frozen=True, slots=True)
class _Bad:
    """What became no row: why, what quarantine keeps of it, and its bytes in all."""

    reason: str
    payload: bytes
    size: int


@dataclass
class _Gathering:
    """A block in the making."""

    numbers: list[int] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)
    bad: list[BadRecord] = field(default_factory=list)
    size: int = 0

    def add(self, number: int, found: Row | _Bad) -> None:
        if isinstance(found, _Bad):
            self.bad.append(BadRecord(number, found.reason, found.payload, found.size))
            self.size += len(found.payload)
        else:
            self.numbers.append(number)
            self.rows.append(found)
            self.size += sum(len(t) if t.isascii() else len(t.encode()) for t in found.values() if t)

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
        for number, found in enumerate(self._messages(), 1):
            gathering.add(number, found)
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

    def _messages(self) -> Iterator[Row | _Bad]:
        opened = 0
        for stretch in scan(self._data):
            if stretch.body is None:
                lost = self._data[stretch.start : stretch.end]
                yield _bad("the collector's log is damaged here: this is no whole record", lost)
                continue
            try:
                record = self._keys.decrypt(stretch.body, COLLECTED)
            except ConfigurationError as error:
                if not opened:  # not this record: the keys
                    raise SourceError(f"{self._name}: {error}") from None
                yield _bad("the record cannot be decrypted", stretch.body)
                continue
            opened += 1
            for request in unbundle(record):
                yield from self._of_request(request)

    def _of_request(self, record: bytes) -> Iterator[Row | _Bad]:
        head, _, body = record.partition(b"\n")
        try:
            meta, request = orjson.loads(head), orjson.loads(body)
        except orjson.JSONDecodeError:  # the collector has parsed it; another version of the parser may judge otherwise
            yield _bad("the request is not JSON", record)
            return
        if meta["call"] != "batch":
            yield self._row(request | {"type": meta["call"]}, meta, None, 0)
            return
        meta["heavy"] = may_be_heavy(body)
        meta["shared"] = shared_context(request.get("context"), self._left_out)
        for index, message in enumerate(request["batch"]):
            yield self._row(message, meta, request.get("sentAt"), index)

    def _row(self, message: object, meta: Message, sent: object, index: int) -> Row | _Bad:
        shared: Message = meta.get("shared") or {}
        reason = verdict(message, is_heavy=meta.get("heavy", False), shared=shared)
        if reason is None:
            try:
                return self._taken(with_context(message, shared), meta, sent, index)
            except TimeRefused as error:
                reason = str(error)
        # as it came: without the context of its batch, of which quarantine would have a copy for each message
        payload = as_json(message) or b'"nested too deep to be kept"'
        return _Bad(reason, payload if len(payload) <= MAX_EVENT else payload[:_SAMPLE], len(payload))

    def _taken(self, message: Message, meta: Message, sent: object, index: int) -> Row:
        received = dt.datetime.fromisoformat(meta["at"])
        moment, ahead = occurred_at(message, sent, received)
        kind, given = (
            message["type"],
            message.get("traits" if message["type"] in ("identify", "group") else "properties"),
        )
        inner = scrub(given or {}, self._left_out, may_be_named=kind in ("page", "screen", "group"))
        context = message.get("context") or {}
        kept = kept_context(context, self._left_out)
        name = self._message_id(message, f"{meta['id']}-{index}")
        row: Row = dict.fromkeys(COLUMNS)
        row |= personal_traits(given or {}, context, received) if kind == "identify" else {}
        row |= {
            "event_id": _event_id(name, is_public=meta["public"]),
            "message_id": name,
            "type": kind,
            "event_type": _event_type(message),
            "user_id": self._id(message.get("userId")),
            "anonymous_id": self._id(message.get("previousId" if kind == "alias" else "anonymousId")),
            "campaign_id": _first_id(inner.get("campaign_id"), kept.get("campaign", {}).get("id")),
            "coupon_id": _first_id(inner.get("coupon_id"), inner.get("coupon")),
            "product_id": _first_id(inner.get("product_id"), inner.get("productId"), inner.get("sku")),
            "properties": self._properties(message, inner, kept, ahead),
            "occurred_at": moment.isoformat(),
            "received_at": received.isoformat(),
            "write_key": meta["key"],
        }
        if meta["public"] and row["user_id"]:
            row["anonymous_id"] = None
        known = kind == "identify" and row["user_id"] and not meta["public"] and any(row[name] for name in TRAITS)
        row["identifies"] = "true" if known else "false"
        return row

    def _message_id(self, message: Message, otherwise: str) -> str:
        """The message's own id; by its keyed hash when somebody's address is a part of it."""
        text = _text(message.get("messageId"))
        return f"hash-{self._keys.keyed_hash(text).hex()[:40]}" if text and looks_personal(text) else text or otherwise

    def _properties(self, message: Message, inner: dict[str, Any], kept: dict[str, Any], ahead: int) -> str:
        """The JSON text of the properties, and in `_collected` what else is known of the event."""
        told = {n: _text(message[n]) for n in ("event", "name", "category", "groupId") if _text(message.get(n))}
        more: dict[str, Any] = kept | scrub(told, self._left_out, may_be_named=True)
        if ahead:
            more["clock_ahead_seconds"] = ahead
        if click := click_of(message):
            more["click"] = click
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
            text = re.sub(r"[\s()/.-]", "", text) if kind.endswith("phone") else text.lower()
        return f"{kind.rpartition(' ')[2]}-{self._keys.keyed_hash(text).hex()[:40]}"


def _bad(reason: str, lost: bytes) -> _Bad:
    return _Bad(reason, lost[:KEPT], len(lost))


def _event_id(name: str, *, is_public: bool) -> str:
    """The message's id, in a space of its own for public keys: who reads one must not replace what a server sent."""
    if is_public:
        return _PUBLIC + name
    return _OURS + name if name.startswith((_PUBLIC, _OURS)) else name


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
