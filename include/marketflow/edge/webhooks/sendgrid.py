"""SendGrid's Event Webhook, signed: ECDSA (P-256, SHA-256) over the time and the body.

"Getting Started with the Event Webhook Security Features", "Event Webhook Reference", "Unique Arguments": SendGrid's
documentation. A message is known by the token that went with it as a unique argument: its Message-ID (`smtp-id`) comes
with events of delivery only, not with complaints, and is another one where From's domain is not authenticated there.
A bounce that comes back by mail, later, has neither: it says the address, and the ledger which message went there last.
"""

from __future__ import annotations

import base64
import binascii
import datetime as dt
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import orjson
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, SECP256R1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_der_public_key

from marketflow.edge.webhooks.provider import (
    Forged,
    Outcome,
    Report,
    address_hash,
    message_id,
    sent_with,
    status_code,
)
from marketflow.privacy import KeyRing
from marketflow.shared import Clock, ConfigurationError
from marketflow.shared.ids import PROVIDER_ARGUMENT

SIGNATURE, TIMESTAMP = "x-twilio-email-event-webhook-signature", "x-twilio-email-event-webhook-timestamp"
# SendGrid tries for a day; what is older is a copy that somebody kept. A clock may be some minutes ahead.
_OLDEST, _AHEAD = dt.timedelta(hours=25), dt.timedelta(minutes=10)
_DROPPED: dict[str, Outcome] = {
    "bounced address": "bounced", "invalid": "bounced", "spam reporting address": "complaint",
}  # fmt: skip


class SendGrid:
    """Takes what SendGrid says. `public_key` is the verification key of its settings, in base 64."""

    name = "sendgrid"

    def __init__(self, public_key: str, keys: KeyRing, clock: Clock) -> None:
        self._key, self._keys, self._clock = _key(public_key), keys, clock
        self.counts: Counter[str] = Counter()

    async def verify(self, headers: Mapping[str, str], body: bytes) -> None:
        """Signed by SendGrid, not long ago. Raises Forged."""
        told = headers.get(TIMESTAMP, "")
        if not (told.isascii() and told.isdigit() and len(told) < 12):
            raise Forged
        age = self._clock.machine().timestamp() - int(told)  # their clock is the machine's, not the demo's
        if not -_AHEAD.total_seconds() <= age <= _OLDEST.total_seconds():
            raise Forged
        try:
            signature = base64.b64decode(headers.get(SIGNATURE, ""), validate=True)
            self._key.verify(signature, told.encode() + body, ECDSA(SHA256()))
        except (InvalidSignature, binascii.Error, ValueError):
            raise Forged from None

    async def read(self, body: bytes) -> list[Report]:
        """The reports of a batch of events; opens, clicks, delays and others' deliveries are left out."""
        try:
            events = orjson.loads(body)
        except orjson.JSONDecodeError:
            events = []
        found = [
            report for event in (events if isinstance(events, list) else [events]) if (report := self._report(event))
        ]
        self.counts["read"] += len(found)
        self.counts["left_out"] += len(events) - len(found) if isinstance(events, list) else 0
        return found

    def _report(self, event: object) -> Report | None:
        if not isinstance(event, dict):
            return None
        outcome = _outcome(event)
        if outcome is None:
            return None
        send_id = sent_with(self._keys, event.get(PROVIDER_ARGUMENT))
        named = None if send_id is not None else message_id(event.get("smtp-id"))
        is_named = send_id is not None or named is not None
        if not is_named and outcome not in ("bounced", "complaint"):
            return None
        return Report(
            outcome=outcome, at=_time(event.get("timestamp")) or self._clock.now(), send_id=send_id, message_id=named,
            recipient_hash=None if is_named else self._late_bounce(event),
            code=status_code(event.get("status")) if outcome == "bounced" else None,
        )  # fmt: skip

    def _late_bounce(self, event: dict[str, Any]) -> bytes | None:
        """Whose address is dead, of a bounce that names no message at all; another system's names one."""
        is_late = event.get("event") == "bounce" and not event.get("smtp-id")
        return address_hash(self._keys, event.get("email")) if is_late else None


def _outcome(event: dict[str, Any]) -> Outcome | None:
    kind = event.get("event")
    if kind == "delivered":
        return "delivered"
    if kind == "spamreport":
        return "complaint"
    if kind == "bounce":  # blocked: the server refuses us for now, whoever the recipient is
        return "about_us" if event.get("type") == "blocked" else "bounced"
    if kind == "dropped":
        return _DROPPED.get(str(event.get("reason")).strip().lower())
    return None


def _time(value: object) -> dt.datetime | None:
    try:
        return dt.datetime.fromtimestamp(value, dt.UTC) if isinstance(value, int) else None
    except (ValueError, OverflowError, OSError):
        return None


def _key(text: str) -> EllipticCurvePublicKey:
    key: object = None
    with suppress(ValueError, binascii.Error, UnsupportedAlgorithm):
        key = load_der_public_key(base64.b64decode(text, validate=True))
    if not isinstance(key, EllipticCurvePublicKey) or not isinstance(key.curve, SECP256R1):
        raise ConfigurationError(
            "MARKETFLOW_SENDGRID_PUBLIC_KEY is not the verification key of SendGrid's signed event webhook (base 64 of"
            " a P-256 key; Settings, Mail Settings, Event Webhooks)"
        )
    return key
