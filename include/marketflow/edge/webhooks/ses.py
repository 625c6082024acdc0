"""Amazon SES, which tells by SNS what became of a message: both kinds, feedback notifications and event publishing.

"Amazon SNS notification contents for Amazon SES" and "Examples of event data", Amazon SES developer guide.
"""

from __future__ import annotations

import datetime as dt
import logging
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

import orjson

from marketflow.edge.webhooks.provider import Outcome, Report, address_hash, message_id, sent_from, status_code
from marketflow.edge.webhooks.sns import CONFIRMATION, Fetch, Sns, parsed
from marketflow.privacy import KeyRing
from marketflow.shared import Clock

log = logging.getLogger(__name__)
# Of a message that bounced for the time being, what is about the message and not about the mailbox.
_ABOUT_US = frozenset({"ContentRejected", "AttachmentRejected", "MessageTooLarge"})


class Ses:
    """Takes what SES says by way of the SNS topics that are configured."""

    name = "ses"

    def __init__(
        self, topics: Iterable[str], keys: KeyRing, clock: Clock, *, bounce_address: str | None = None,
        fetch: Fetch | None = None,
    ) -> None:  # fmt: skip
        self._sns, self._keys, self._clock, self._bounce_address = Sns(topics, fetch), keys, clock, bounce_address
        self.counts: Counter[str] = Counter()

    async def verify(self, headers: Mapping[str, str], body: bytes) -> None:
        """Signed by Amazon, for a topic of ours. Raises Forged, NotNow."""
        del headers
        await self._sns.verify(body)

    async def read(self, body: bytes) -> list[Report]:
        """The report in a notification; a subscription is confirmed. Raises NotNow."""
        message = parsed(body)
        if message["Type"] == CONFIRMATION:
            await self._sns.confirm(message)
            self.counts["confirmed"] += 1
            log.warning("Amazon SNS may now send reports of a topic to /hooks/ses, which was confirmed")
            return []
        if message["Type"] != "Notification":
            log.warning("a topic of MARKETFLOW_SES_TOPICS does not send to /hooks/ses any more: it was unsubscribed")
            return []
        report = self._report(message["Message"])
        self.counts["read" if report else "left_out"] += 1
        return [report] if report else []

    def _report(self, text: str) -> Report | None:
        try:
            event = orjson.loads(text)
        except orjson.JSONDecodeError:  # SNS says hello in plain words
            return None
        if not isinstance(event, dict):
            return None
        found = _outcome(event.get("notificationType", event.get("eventType")), event)
        if found is None:
            return None
        outcome, code, at = found
        mail = _object(event.get("mail"))
        send_id = sent_from(self._keys, self._bounce_address, mail.get("source"))
        named = None if send_id is not None else _message_id(mail)
        is_named = send_id is not None or named is not None
        if not is_named and outcome not in ("bounced", "complaint"):
            return None
        return Report(
            outcome=outcome, at=_time(at) or self._clock.now(), send_id=send_id, message_id=named, code=code,
            recipient_hash=None if is_named or "headers" in mail else self._dead(event),
        )  # fmt: skip

    def _dead(self, event: dict[str, Any]) -> bytes | None:
        """Whose address is dead, where the notification has no headers that could name the message."""
        return address_hash(self._keys, _bounced_recipient(_object(event.get("bounce"))).get("emailAddress"))


def _outcome(kind: object, event: dict[str, Any]) -> tuple[Outcome, str | None, object] | None:
    """What happened, by which code, and when; None for what says nothing about the address: opens, delays ..."""
    if kind == "Bounce":
        bounce = _object(event.get("bounce"))
        return _bounced(bounce), _code(bounce), bounce.get("timestamp")
    if kind == "Complaint":
        complaint = _object(event.get("complaint"))
        is_not_spam = complaint.get("complaintFeedbackType") == "not-spam"
        return None if is_not_spam else ("complaint", None, complaint.get("timestamp"))
    if kind == "Delivery":
        return "delivered", None, _object(event.get("delivery")).get("timestamp")
    return None


def _bounced(bounce: dict[str, Any]) -> Outcome:
    if bounce.get("bounceType") == "Permanent":
        return "bounced"
    return "about_us" if str(bounce.get("bounceSubType")) in _ABOUT_US else "bounce_soft"


def _code(bounce: dict[str, Any]) -> str | None:
    return status_code(_bounced_recipient(bounce).get("status"))


def _bounced_recipient(bounce: dict[str, Any]) -> dict[str, Any]:
    recipients = bounce.get("bouncedRecipients")
    return _object(recipients[0] if isinstance(recipients, list) and recipients else None)


def _message_id(mail: dict[str, Any]) -> str | None:
    """The one that we gave it: SES sends it out under one of its own, and keeps ours among the headers."""
    headers = mail.get("headers")
    for header in headers if isinstance(headers, list) else ():
        if str(_object(header).get("name")).lower() == "message-id" and (found := message_id(header.get("value"))):
            return found
    return message_id(_object(mail.get("commonHeaders")).get("messageId"))


def _object(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _time(value: object) -> dt.datetime | None:
    try:
        found = dt.datetime.fromisoformat(str(value))
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=dt.UTC)
