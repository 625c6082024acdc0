"""Signed links and addresses: who holds the mail may unsubscribe with it, and nobody can make one.

Links are made with itsdangerous; addresses that bounces come back to with HMAC-SHA-256 alone, since they must be short
and survive a server that changes the case of letters.
"""

from __future__ import annotations

import base64
import hmac
from functools import lru_cache

from itsdangerous import BadSignature, URLSafeSerializer

from marketflow.privacy.keys import KeyRing

_PROOF = 16  # letters of base 32


def unsubscribe_token(keys: KeyRing, send_id: int) -> str:
    """The opaque part of a message's unsubscribe link. It does not expire: people unsubscribe from old mails too."""
    return _serializer(keys).dumps(send_id)


def read_unsubscribe_token(keys: KeyRing, token: str) -> int | None:
    """The send's id, or None when the token is not one of ours."""
    try:
        value = _serializer(keys).loads(token)
    except (BadSignature, ValueError):
        return None
    return value if isinstance(value, int) else None


def bounce_token(keys: KeyRing, send_id: int) -> str:
    """What an envelope sender carries: letters a to z and digits 2 to 7 only, 18 of them and more with large ids.

    16 are the proof (80 bits); who guesses one could only claim that a message has bounced.
    """
    number = send_id.to_bytes(max(1, (send_id.bit_length() + 7) // 8), "big")
    return _small(_proof(keys, number)) + _small(number)


def read_bounce_token(keys: KeyRing, token: str) -> int | None:
    """The send's id, or None when the token is not one of ours; upper and lower case are the same."""
    proof, number = token[:_PROOF].upper(), token[_PROOF:].upper()
    try:
        data = base64.b32decode(number + "=" * (-len(number) % 8))
        sent = base64.b32decode(proof)
    except ValueError:
        return None
    found = int.from_bytes(data, "big")
    is_ours = 0 < len(data) <= 8 and hmac.compare_digest(sent, _proof(keys, data))
    return found if is_ours and bounce_token(keys, found) == token.lower() else None


def _proof(keys: KeyRing, number: bytes) -> bytes:
    return hmac.digest(keys.signing, b"marketflow.bounce\x1f" + number, "sha256")[: _PROOF * 5 // 8]


def _small(data: bytes) -> str:
    return base64.b32encode(data).decode().rstrip("=").lower()


def _serializer(keys: KeyRing) -> URLSafeSerializer:
    return _made(keys.signing)


@lru_cache(4)
def _made(secret: bytes) -> URLSafeSerializer:
    return URLSafeSerializer(secret, salt="marketflow.unsubscribe")
