"""Which message a mail is about, and how sure that is.

Anybody can write a mail that says that somebody's address is dead. What only we can have made, and only who got the
message (or a server on its way) can know, proves it: the token in the envelope sender (VERP), or the signed link of
List-Unsubscribe among the headers that came back. A link in a text is no proof: people pass mails on, and answer with
what they were sent. A Message-ID is no secret (it is made of the campaign, the occasion
and a number), so it counts only beside the address that this very message was sent to.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from marketflow.campaigns.delivery.verp import bounced_send
from marketflow.campaigns.reports.parts import Part, fields_of
from marketflow.privacy import AddressRefused, KeyRing, normalise_email, read_unsubscribe_token
from marketflow.shared.ids import MESSAGE_ID

_TO = (
    "delivered-to", "x-original-to", "envelope-to", "x-envelope-to", "x-delivered-to", "x-rcpt-to", "to",
)  # fmt: skip
_LINK = re.compile(r"/u/([A-Za-z0-9_-]{1,40}\.[A-Za-z0-9_-]{20,80})")
_RETURNED = (
    "message/rfc822", "message/global", "text/rfc822-headers", "message/rfc822-headers", "message/global-headers",
)  # fmt: skip
_FIELD = re.compile(r"^List-Unsubscribe:(.{0,2000}(?:\n[ \t].{0,2000}){0,9})", re.IGNORECASE | re.MULTILINE)
_OWN_ID = re.compile(rf"message-id:\s{{0,9}}<?({MESSAGE_ID})>?", re.IGNORECASE)
_MOST = 20  # candidates that are tried of each kind


@dataclass(frozen=True, slots=True)
class Named:
    """A message: proven by `send_id`, or named by `message_id` and the address it says that it was sent to."""

    send_id: int | None = None
    message_id: str | None = None
    recipient_hash: bytes | None = None


@dataclass(frozen=True)
class Finder:
    """Finds our messages. `bounce_address`: MARKETFLOW_BOUNCE_ADDRESS, whose tokens prove most."""

    keys: KeyRing
    bounce_address: str | None = None

    def by_recipient(self, mail: Part) -> int | None:
        """The message whose own envelope sender this mail was sent to."""
        return self.by_addresses([value for name in _TO for value in mail.fields.get(name, [])])

    def by_addresses(self, values: list[str]) -> int | None:
        """The first of our own envelope senders in these texts."""
        if self.bounce_address is None:
            return None
        local, _, domain = self.bounce_address.rpartition("@")
        ours = re.compile(rf"{re.escape(local)}\+[a-z2-7]{{17,30}}@{re.escape(domain)}", re.IGNORECASE)
        for value in values[:_MOST]:
            for address in ours.findall(value)[:_MOST]:
                if (found := bounced_send(self.keys, self.bounce_address, address)) is not None:
                    return found
        return None

    def find(self, mail: Part, recipients: Sequence[str], senders: Sequence[str] = ()) -> Named | None:
        """The message that a report is about; None when it names none in a way that counts.

        `recipients`: whom the report says that the message was for; `senders`: the envelope senders that it names.
        """
        texts = [leaf.text() for leaf in mail.leaves()]
        send_id = self.by_recipient(mail)
        if send_id is None:
            send_id = self.by_addresses([*senders, *texts])
        if send_id is None:
            send_id = self._by_link(mail)
        if send_id is not None:
            return Named(send_id=send_id)
        return self._by_id(texts, recipients)

    def _by_link(self, mail: Part) -> int | None:
        for value in _returned_links(mail):
            for token in _LINK.findall(value)[:_MOST]:
                if (found := read_unsubscribe_token(self.keys, token)) is not None:
                    return found
        return None

    def _by_id(self, texts: list[str], recipients: Sequence[str]) -> Named | None:
        hashed = [h for h in map(self._hash, recipients[:_MOST]) if h is not None]
        found = next((m[1] for m in map(_OWN_ID.search, texts) if m), None)
        return Named(message_id=found, recipient_hash=hashed[0]) if found and hashed else None

    def _hash(self, recipient: str) -> bytes | None:
        """The keyed hash of an address such as `rfc822; <ada@example.com>`."""
        try:
            return self.keys.keyed_hash(normalise_email(recipient.rpartition(";")[2].strip().strip("<>")))
        except (AddressRefused, ValueError):
            return None


def _returned_links(mail: Part) -> list[str]:
    """The values of List-Unsubscribe in what came back: in a part of its own, or (qmail, Exim) in the one text."""
    found = [
        value
        for leaf in mail.leaves()
        if leaf.kind in _RETURNED
        for value in fields_of(leaf.text().lstrip("\n").partition("\n\n")[0]).get("list-unsubscribe", [])
    ]
    if not mail.parts:
        found += _FIELD.findall(mail.text())
    return found[:_MOST]
