"""Signed links: who holds the mail may unsubscribe with it, and nobody can make one (itsdangerous, HMAC)."""

from __future__ import annotations

from functools import lru_cache

from itsdangerous import BadSignature, URLSafeSerializer

from marketflow.privacy.keys import KeyRing


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


def _serializer(keys: KeyRing) -> URLSafeSerializer:
    return _made(keys.signing)


@lru_cache(4)
def _made(secret: bytes) -> URLSafeSerializer:
    return URLSafeSerializer(secret, salt="marketflow.unsubscribe")
