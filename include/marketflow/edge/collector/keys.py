"""Write keys: who may send events. A key in a web page is public; one on a server is a secret."""

from __future__ import annotations

import base64
import binascii
import hmac
import json
import re
from dataclasses import dataclass, field

from marketflow.shared import ConfigurationError

_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
_MIN, _MAX = 8, 200


@dataclass(frozen=True, kw_only=True)
class WriteKey:
    """A key with its name; `repr` does not show it."""

    name: str
    secret: bytes = field(repr=False)
    is_public: bool = False

    @property
    def json(self) -> str:
        """Is it public, as JSON says it."""
        return "true" if self.is_public else "false"


class WriteKeys:
    """All keys of this installation."""

    def __init__(self, keys: list[WriteKey]) -> None:
        self._keys = keys
        self._headers = [(b"Basic " + base64.b64encode(key.secret + b":"), key) for key in keys]

    @classmethod
    def parse(cls, text: str) -> WriteKeys:
        """Read `web:public=KEY, server=KEY` or JSON `{"server": "KEY"}`; raises ConfigurationError without the keys.

        `:public` behind a name says that the key stands in a web page or an app, where anybody can read it.
        """
        pairs = _json_pairs(text) if text.lstrip().startswith("{") else _listed_pairs(text)
        keys = [_key(name.strip(), secret.strip()) for name, secret in pairs]
        if len({key.name for key in keys}) < len(keys) or len({key.secret for key in keys}) < len(keys):
            raise ConfigurationError("MARKETFLOW_WRITE_KEYS has a name or a key twice")
        return cls(keys)

    def __len__(self) -> int:
        return len(self._keys)

    def by_header(self, value: bytes) -> WriteKey | None:
        """The key of an Authorization header: HTTP Basic, the key as user name, whatever the password (RFC 7617)."""
        found = None
        for expected, key in self._headers:
            if hmac.compare_digest(value, expected):
                found = key
        return found or self._by_credentials(value)

    def by_secret(self, secret: object) -> WriteKey | None:
        """The key that a body names in `writeKey`."""
        if not isinstance(secret, str) or len(secret) > _MAX:
            return None
        found, given = None, secret.encode("utf-8", "replace")
        for key in self._keys:  # all of them, so that the time tells nothing
            if hmac.compare_digest(given, key.secret):
                found = key
        return found

    def _by_credentials(self, value: bytes) -> WriteKey | None:
        scheme, _, encoded = value.partition(b" ")
        if scheme.lower() != b"basic" or len(encoded) > 2 * _MAX:
            return None
        try:
            user, _, _ = base64.b64decode(encoded.strip(), validate=True).partition(b":")
        except (binascii.Error, ValueError):
            return None
        return self.by_secret(user.decode("utf-8", "replace"))


def _json_pairs(text: str) -> list[tuple[str, str]]:
    try:
        found = json.loads(text, object_pairs_hook=list)
        return [(str(name), str(secret)) for name, secret in found]
    except (ValueError, TypeError):
        raise ConfigurationError('MARKETFLOW_WRITE_KEYS is not JSON of the form {"name": "key"}') from None


def _listed_pairs(text: str) -> list[tuple[str, str]]:
    pairs = [part.partition("=") for part in text.split(",") if part.strip()]
    if any(not sign for _, sign, _ in pairs):
        raise ConfigurationError("MARKETFLOW_WRITE_KEYS is a list such as `web:public=KEY, server=KEY`")
    return [(name, secret) for name, _, secret in pairs]


def _key(name: str, secret: str) -> WriteKey:
    name, _, kind = name.partition(":")
    if not _NAME.fullmatch(name) or kind not in ("", "public"):
        raise ConfigurationError(
            "a name in MARKETFLOW_WRITE_KEYS has letters, digits, - and _, and may be followed by `:public`"
        )
    if not _MIN <= len(secret) <= _MAX or not secret.isascii() or ":" in secret:
        raise ConfigurationError(f"the write key {name} needs {_MIN} to {_MAX} ASCII characters and no colon")
    return WriteKey(name=name, secret=secret.encode(), is_public=kind == "public")
