"""DKIM signatures (RFC 6376), `rsa-sha256` and `ed25519-sha256` (RFC 8463), relaxed/relaxed.

The list headers are signed (RFC 8058, 4: one-click needs it), and From twice, so that nobody adds another one (8.15).
"""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from marketflow.shared import ConfigurationError

_SIGNED = (
    "from", "to", "subject", "date", "message-id", "list-id", "list-unsubscribe", "list-unsubscribe-post",
    "feedback-id", "mime-version", "content-type", "content-transfer-encoding",
)  # fmt: skip
_NAME = re.compile(r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)*")
_SHORTEST_RSA, _LINE = 1024, 72  # bits: RFC 8301, 3.2
_WHERE = "the Airflow connection `dkim`"


@dataclass(frozen=True, kw_only=True)
class DkimSigner:
    """Signs for one domain with one key; `from_pem` makes it. Its repr shows no key."""

    domain: str
    selector: str
    key: RSAPrivateKey | Ed25519PrivateKey = field(repr=False)

    @classmethod
    def from_pem(cls, pem: str, *, domain: str, selector: str) -> DkimSigner:
        """A signer from a private key in PEM, as `openssl genpkey` writes it; lost line breaks are put back.

        Raises ConfigurationError, which shows nothing of the key, for one that no receiver would verify.
        """
        for what, name in (("domain", domain), ("selector", selector)):
            if not _NAME.fullmatch(name.lower()):
                raise ConfigurationError(f"{_WHERE}: `{what}` must be a DNS name such as example.com, not {name!r}")
        try:
            key = serialization.load_pem_private_key(_whole(pem), password=None)
        except TypeError:
            raise ConfigurationError(f"{_WHERE}: the private key is encrypted; store it without a passphrase") from None
        except (ValueError, UnsupportedAlgorithm):
            raise ConfigurationError(
                f"{_WHERE}: the password is not a private key in PEM (`-----BEGIN PRIVATE KEY-----` ...);"
                " `openssl genpkey -algorithm ed25519` makes one"
            ) from None
        if isinstance(key, RSAPrivateKey) and key.key_size < _SHORTEST_RSA:
            raise ConfigurationError(f"{_WHERE}: an RSA key of {key.key_size} bits is refused everywhere; take 2048")
        if not isinstance(key, RSAPrivateKey | Ed25519PrivateKey):
            raise ConfigurationError(f"{_WHERE}: DKIM knows RSA and Ed25519 keys, and this one is of another kind")
        return cls(domain=domain.lower(), selector=selector.lower(), key=key)

    @property
    def algorithm(self) -> str:
        """As the tag `a` names it."""
        return "rsa-sha256" if isinstance(self.key, RSAPrivateKey) else "ed25519-sha256"

    @property
    def record(self) -> tuple[str, str]:
        """The DNS record that receivers look the public key up in: its name, and its text."""
        public = self.key.public_key()
        if isinstance(self.key, RSAPrivateKey):
            kind, form = "rsa", (serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
        else:
            kind, form = "ed25519", (serialization.Encoding.Raw, serialization.PublicFormat.Raw)
        data = base64.b64encode(public.public_bytes(*form)).decode()
        return f"{self.selector}._domainkey.{self.domain}", f"v=DKIM1; k={kind}; p={data}"

    def check_sender(self, address: str) -> None:
        """Raises ConfigurationError unless the signature's domain is that of From, or one above or below (DMARC)."""
        domain = address.rpartition("@")[2].lower()
        if not (f".{domain}".endswith(f".{self.domain}") or f".{self.domain}".endswith(f".{domain}")):
            raise ConfigurationError(
                f"{_WHERE} signs for {self.domain}, but MARKETFLOW_SENDER is at {domain}: receivers would not count it"
            )

    def header(self, headers: Sequence[tuple[str, str]], body: bytes, signed_at: dt.datetime) -> str:
        """The line(s) `DKIM-Signature: ...` to stand before `headers`, which the message has, each once."""
        present = {name.lower(): value for name, value in headers}
        names = tuple(name for name in _SIGNED if name in present)
        tags = (
            f"v=1; a={self.algorithm}; c=relaxed/relaxed; d={self.domain}; s={self.selector};\r\n"
            f" t={int(signed_at.timestamp())};\r\n"
            f" h={_listed(names)};\r\n"
            f" bh={base64.b64encode(hashlib.sha256(relaxed_body(body)).digest()).decode()};\r\n b="
        )
        lines = [_relaxed(name, present[name]) for name in names]
        data = "\r\n".join((*lines, _relaxed("dkim-signature", tags)))
        signature = base64.b64encode(self._sign(data.encode("ascii"))).decode()
        return f"DKIM-Signature: {tags}{_folded(signature)}\r\n"

    def _sign(self, data: bytes) -> bytes:
        if isinstance(self.key, RSAPrivateKey):
            return self.key.sign(data, padding.PKCS1v15(), hashes.SHA256())
        return self.key.sign(hashlib.sha256(data).digest())  # RFC 8463, 3: the hash is what is signed


def relaxed_body(body: bytes) -> bytes:
    """RFC 6376, 3.4.4: runs of blanks are one, none at the end of a line, no empty lines at the end."""
    flat = body.replace(b"\t", b" ")
    while b"  " in flat:
        flat = flat.replace(b"  ", b" ")
    flat = flat.replace(b" \r\n", b"\r\n").rstrip(b"\r\n")
    return flat + b"\r\n" if flat else b""


def _relaxed(name: str, value: str) -> str:
    """RFC 6376, 3.4.2, without the line's end: unfolded, runs of blanks are one (other white space is in no header)."""
    return f"{name}:{' '.join(value.split())}"


@lru_cache(8)
def _listed(names: tuple[str, ...]) -> str:
    return _folded(":".join(("from", *names)), ":")


def _folded(text: str, after: str = "") -> str:
    """In lines; where it may only break after a sign, there."""
    if not after:
        return "\r\n ".join(text[i : i + _LINE] for i in range(0, len(text), _LINE))
    lines = [""]
    for piece in text.split(after):
        if len(lines[-1]) + len(piece) > _LINE - 2:
            lines.append("")
        lines[-1] += piece + after
    return "\r\n ".join(lines)[: -len(after)]


def _whole(pem: str) -> bytes:
    """A PEM whose line breaks were lost in a form or a variable, as it was."""
    found = re.fullmatch(r"\s*-----BEGIN ([A-Z ]+)-----(.*?)-----END \1-----\s*", pem.replace("\\n", "\n"), re.DOTALL)
    if found is None:
        return pem.encode()
    body = "\n".join(re.findall(".{1,64}", re.sub(r"\s+", "", found[2])))
    return f"-----BEGIN {found[1]}-----\n{body}\n-----END {found[1]}-----\n".encode()
