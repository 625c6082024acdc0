"""What a provider must be able to do for its webhook to be taken; a new one is a class of this shape and a setting."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from marketflow.privacy import AddressRefused, KeyRing, normalise_email, read_bounce_token
from marketflow.shared.ids import MESSAGE_ID

Outcome = Literal["delivered", "bounced", "bounce_soft", "about_us", "complaint"]
_ID = re.compile(rf"<?({MESSAGE_ID})>?")
_STATUS = re.compile(r"[245]\.\d{1,3}\.\d{1,3}")


class Forged(Exception):
    """Nobody whom we know has signed this."""


class NotNow(Exception):
    """It cannot be judged just now; whoever sent it shall send it again."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Report:
    """What a provider says of one message, which is named by its `send_id` or its Message-ID; never by an address.

    `recipient_hash`: where the provider names no message at all, the keyed hash of the address that is dead. Without
    any of the three it cannot be told which message it is about: it is counted, so that somebody hears of it.
    """

    outcome: Outcome
    at: dt.datetime
    send_id: int | None = None
    message_id: str | None = None
    recipient_hash: bytes | None = None
    code: str | None = None

    def fact(self) -> dict[str, Any]:
        """As the journal holds it (`campaigns.reports.facts`)."""
        named: dict[str, Any] = {}
        if self.send_id is not None:
            named = {"send_id": self.send_id}
        elif self.message_id is not None:
            named = {"message_id": self.message_id}
        elif self.recipient_hash is not None:
            named = {"recipient": self.recipient_hash.hex()}
        code = {} if self.code is None else {"code": self.code}
        return {"outcome": self.outcome, "at": self.at.isoformat(), **named, **code}


class Provider(Protocol):
    """One provider. `name` is the end of its path below /hooks/ and the source of its reports."""

    name: str

    async def verify(self, headers: Mapping[str, str], body: bytes) -> None:
        """Return only when the provider has sent this. Raises Forged, or NotNow."""

    async def read(self, body: bytes) -> list[Report]:
        """The reports about messages in a body that is verified; what cannot be read is left out.

        A bounce or a complaint that names no message of ours is given all the same: it is counted.

        Raises NotNow when something that it asks for could not be done.
        """


def message_id(text: object) -> str | None:
    """The Message-ID, if it can be one of ours."""
    found = _ID.fullmatch(text.strip()) if isinstance(text, str) and len(text) < 400 else None
    return found[1] if found else None


def status_code(text: object) -> str | None:
    """The enhanced status code at the beginning of a text."""
    found = _STATUS.match(text) if isinstance(text, str) else None
    return found[0] if found else None


def sent_from(keys: KeyRing, bounce_address: str | None, envelope_sender: object) -> int | None:
    """The message that had this envelope sender (VERP); None when it is none of ours."""
    if bounce_address is None or not isinstance(envelope_sender, str):
        return None
    local, _, domain = bounce_address.rpartition("@")
    ours = rf"<?{re.escape(local)}\+([a-z2-7]{{17,30}})@{re.escape(domain)}>?"
    found = re.fullmatch(ours, envelope_sender.strip(), re.IGNORECASE) if len(envelope_sender) < 400 else None
    return read_bounce_token(keys, found[1]) if found else None


def sent_with(keys: KeyRing, token: object) -> int | None:
    """The message that was given this token (`PROVIDER_ARGUMENT`); None when it is none of ours."""
    return read_bounce_token(keys, token) if isinstance(token, str) and len(token) < 40 and token.isascii() else None


def address_hash(keys: KeyRing, address: object) -> bytes | None:
    """The keyed hash of an address, by which the ledger knows it; None for what is none."""
    if not isinstance(address, str) or len(address) > 400:
        return None
    try:
        return keys.keyed_hash(normalise_email(address.strip().strip("<>")))
    except (AddressRefused, ValueError):
        return None
