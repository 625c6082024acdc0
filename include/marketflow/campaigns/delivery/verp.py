"""VERP: each message has an envelope sender of its own, so that a bounce tells which message it is about.

`bounces@example.com` becomes `bounces+<token>@example.com`; the token names the message and proves that we made it.
"""

from __future__ import annotations

from marketflow.privacy import KeyRing, bounce_token, read_bounce_token
from marketflow.shared import ConfigurationError

_LONGEST_LOCAL, _LONGEST_TOKEN = 64, 30  # RFC 5321, 4.5.3.1.1


def check_bounce_address(address: str) -> None:
    """Raises ConfigurationError for a MARKETFLOW_BOUNCE_ADDRESS that no token can be put into."""
    local, at, domain = address.rpartition("@")
    plain = local.replace(".", "").replace("-", "").replace("_", "")
    if not (at and domain and plain.isalnum() and address.isascii()):
        raise ConfigurationError(
            "MARKETFLOW_BOUNCE_ADDRESS must be a plain address such as bounces@example.com, without a `+`:"
            " what follows the `+` is each message's own"
        )
    if len(local) + 1 + _LONGEST_TOKEN > _LONGEST_LOCAL:
        raise ConfigurationError("MARKETFLOW_BOUNCE_ADDRESS is too long: at most 33 characters before the @")


def envelope_sender(keys: KeyRing, bounce_address: str, send_id: int) -> str:
    """The envelope sender of one message."""
    local, _, domain = bounce_address.rpartition("@")
    return f"{local}+{bounce_token(keys, send_id)}@{domain}"


def bounced_send(keys: KeyRing, bounce_address: str, recipient: str) -> int | None:
    """Which message a bounce to `recipient` is about; None when the address is not one that we made."""
    local, _, domain = bounce_address.lower().rpartition("@")
    ours, plus, rest = recipient.strip().lower().partition("+")
    token, _, host = rest.rpartition("@")
    return read_bounce_token(keys, token) if plus and (ours, host) == (local, domain) else None
