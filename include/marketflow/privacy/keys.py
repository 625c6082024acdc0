"""The key ring: versioned keys that encrypt, one that hashes addresses for look-up, one that signs links.

Encryption is AES-256-GCM (NIST SP 800-38D) from `cryptography`; a stored value is
`key version (2 bytes, big endian) | nonce (12) | ciphertext and tag`, bound to its column by the associated data.
The keyed hash is HMAC-SHA-256 (RFC 2104) with a key of its own, so that it survives a rotation of the others.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from marketflow.shared import ConfigurationError

_NONCE = 12


@dataclass(frozen=True, kw_only=True)
class KeyRing:
    """Keys in use. `repr` shows none of them."""

    encryption: Mapping[int, bytes] = field(repr=False)
    hashing: bytes = field(repr=False)
    signing: bytes = field(repr=False)

    def __post_init__(self) -> None:
        """Refuse keys of the wrong length, and build each cipher once."""
        if not self.encryption or any(len(k) != 32 for k in self.encryption.values()):
            raise ConfigurationError("the key ring needs at least one encryption key, each of 32 bytes")
        if len(self.hashing) < 32 or len(self.signing) < 32:
            raise ConfigurationError("the key ring's hashing and signing keys need 32 bytes")
        object.__setattr__(self, "_ciphers", {v: AESGCM(k) for v, k in self.encryption.items()})

    @classmethod
    def from_json(cls, text: str) -> KeyRing:
        """Read `{"encryption": {"1": base64}, "hashing": base64, "signing": base64}`; raises ConfigurationError."""
        try:
            raw = json.loads(text)
            return cls(
                encryption={int(v): base64.b64decode(k, validate=True) for v, k in raw["encryption"].items()},
                hashing=base64.b64decode(raw["hashing"], validate=True),
                signing=base64.b64decode(raw["signing"], validate=True),
            )
        except (ValueError, KeyError, TypeError, AttributeError):
            raise ConfigurationError(
                "the key ring is not JSON of the form "
                '{"encryption": {"1": "<base64>"}, "hashing": "<base64>", "signing": "<base64>"}; '
                "`marketflow keys` prints a new one"
            ) from None  # the cause would show the secret

    @property
    def version(self) -> int:
        """The version that new values are encrypted with: the highest."""
        return max(self.encryption)

    def encrypt(self, value: str | bytes, context: str) -> bytes:
        """Encrypt `value` for the place `context` (such as `core.contact_points.address`)."""
        nonce, version = os.urandom(_NONCE), self.version
        data = value.encode() if isinstance(value, str) else value
        return version.to_bytes(2, "big") + nonce + self._cipher(version).encrypt(nonce, data, context.encode())

    def decrypt(self, stored: bytes, context: str) -> bytes:
        """The value behind `stored`; raises ConfigurationError where it does not fit."""
        version, nonce, sealed = int.from_bytes(stored[:2], "big"), stored[2 : 2 + _NONCE], stored[2 + _NONCE :]
        try:
            return self._cipher(version).decrypt(nonce, sealed, context.encode())
        except (InvalidTag, ValueError):
            raise ConfigurationError(f"a value of {context} cannot be decrypted with key version {version}") from None

    def decrypt_text(self, stored: bytes, context: str) -> str:
        """`decrypt`, as text."""
        return self.decrypt(stored, context).decode()

    def has_key_of(self, stored: bytes) -> bool:
        """Is the key still, or already, in the ring that a value was encrypted with?"""
        return int.from_bytes(stored[:2], "big") in self.encryption

    def keyed_hash(self, normalised: str) -> bytes:
        """32 bytes that find a normalised address again and tell nobody what it is."""
        return hmac.new(self.hashing, normalised.encode(), hashlib.sha256).digest()

    def _cipher(self, version: int) -> AESGCM:
        ciphers: dict[int, AESGCM] = self._ciphers  # type: ignore[attr-defined]
        try:
            return ciphers[version]
        except KeyError:
            raise ConfigurationError(f"the key ring has no encryption key of version {version}") from None


def generate_key_ring() -> str:
    """A new key ring as JSON, for the secrets backend."""

    def key() -> str:
        return base64.b64encode(os.urandom(32)).decode()

    return json.dumps({"encryption": {"1": key()}, "hashing": key(), "signing": key()})
