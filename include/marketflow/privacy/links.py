"""Signed links in a message: which message, made on which day, and where a click leads; read without a database.

A token is `number of the send | day | proof` in base 64 (RFC 4648, 5): the number big endian without leading zeros,
the day as days since 1970 (2 bytes), the proof the first 16 bytes of HMAC-SHA-256 (RFC 2104). Each kind of link has a
key of its own, derived as itsdangerous derives keys for a salt, so that a token of one kind is none of another.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as NotBase64
from dataclasses import dataclass
from functools import lru_cache
from struct import Struct
from typing import Literal

from itsdangerous import Signer

from marketflow.privacy.keys import KeyRing

LinkKind = Literal["open", "click", "web_version", "preferences", "leave"]
"""What a link does. leave: it unsubscribes and leads nowhere else, for what people pass on."""
CLICK_PARAMETER = "mf_click"
"""The parameter of an address that ties a page to the click that led there; its value is the click's event_id."""
LONGEST_TARGET = 1_900
"""Characters of an address that is put into a link; programs for mail cut links off at some 2,000."""
_PROOF = 16
_NUMBER_AND_DAY = Struct(">QH")
_EPOCH = dt.date(1970, 1, 1).toordinal()
_TARGET = re.compile(r"https?://[^\s\x00-\x20\x7f\\<>\"]+", re.IGNORECASE)
_SEPARATOR = b"\x1f"


@dataclass(frozen=True, slots=True)
class MessageLink:
    """What a token says: the message, and the day (UTC) that the link was made on."""

    send_id: int
    made_on: dt.date


@dataclass(frozen=True, slots=True)
class ClickLink(MessageLink):
    """And where it leads; `campaign` is the name to tag the address with, if any."""

    url: str
    campaign: str


def message_token(keys: KeyRing, kind: LinkKind, send_id: int, made_on: dt.date) -> str:
    """The opaque part of a link of this kind in this message: some 30 letters, digits, - and _."""
    day = made_on.toordinal() - _EPOCH
    return _token(_key(keys.signing, kind), send_id, day, b"")


def read_message_token(keys: KeyRing, kind: LinkKind, token: str) -> MessageLink | None:
    """What the token says, or None when it is none of ours, or of another kind."""
    return _read(_key(keys.signing, kind), token, b"")


def click_token(keys: KeyRing, send_id: int, made_on: dt.date, url: str, campaign: str = "") -> str:
    """`<token>/<target>`, to follow `/c/`: both are signed together. The caller has asked `is_target(url)`."""
    target = _target(url, campaign)
    return f"{_token(_key(keys.signing, 'click'), send_id, made_on.toordinal() - _EPOCH, target)}/{target.decode()}"


def read_click_token(keys: KeyRing, token: str, target: str) -> ClickLink | None:
    """What a click link says, or None when it is none of ours in this very form."""
    try:
        sealed = target.encode("ascii")
    except UnicodeEncodeError:
        return None
    found = _read(_key(keys.signing, "click"), token, sealed)
    data = None if found is None else _decoded(sealed)
    if found is None or data is None:
        return None
    url, _, campaign = data.decode("utf-8", "replace").partition("\x1f")
    return ClickLink(found.send_id, found.made_on, url, campaign) if is_target(url) else None


def is_target(url: str) -> bool:
    """May a link lead there: http or https, with a host, nothing in it that a program would read differently?"""
    return len(url) <= LONGEST_TARGET and bool(_TARGET.fullmatch(url))


def _token(key: hmac.HMAC, send_id: int, day: int, target: bytes) -> str:
    sealed = _NUMBER_AND_DAY.pack(send_id, day)
    return urlsafe_b64encode(sealed.lstrip(b"\0") + _proof(key, sealed + target)).rstrip(b"=").decode()


def _proof(key: hmac.HMAC, message: bytes) -> bytes:
    """Of a key that is prepared: half the time of making the HMAC anew."""
    made = key.copy()
    made.update(message)
    return made.digest()[:_PROOF]


def _read(key: hmac.HMAC, token: str, target: bytes) -> MessageLink | None:
    try:
        data = _decoded(token.encode("ascii"))
    except UnicodeEncodeError:
        return None
    if data is None or not 3 + _PROOF <= len(data) <= _NUMBER_AND_DAY.size + _PROOF or not data[0]:
        return None
    sealed = data[:-_PROOF].rjust(_NUMBER_AND_DAY.size, b"\0")
    if not hmac.compare_digest(_proof(key, sealed + target), data[-_PROOF:]):
        return None
    send_id, day = _NUMBER_AND_DAY.unpack(sealed)
    return MessageLink(send_id, dt.date.fromordinal(_EPOCH + day))


def _decoded(text: bytes) -> bytes | None:
    """The bytes of base 64 as we write it: decoders read several texts as the same."""
    try:
        data = urlsafe_b64decode(text + b"=" * (-len(text) % 4))
    except NotBase64:
        return None
    return data if urlsafe_b64encode(data).rstrip(b"=") == text else None


@lru_cache(4_096)
def _target(url: str, campaign: str) -> bytes:
    """A campaign has few addresses: each is written once."""
    words = url.encode() + (_SEPARATOR + campaign.encode() if campaign else b"")
    return urlsafe_b64encode(words).rstrip(b"=")


@lru_cache(16)
def _key(secret: bytes, kind: LinkKind) -> hmac.HMAC:
    signer = Signer(secret, salt=f"marketflow.link.{kind}", digest_method=hashlib.sha256)
    return hmac.new(signer.derive_key(), digestmod=hashlib.sha256)
