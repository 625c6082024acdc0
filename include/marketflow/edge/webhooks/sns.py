"""Messages of Amazon SNS: who has signed them, and the confirmation that a topic may send here.

"Verifying the signatures of Amazon SNS messages", Amazon SNS developer guide: the signature is RSA (PKCS #1 v1.5) with
SHA-1 (version 1) or SHA-256 (version 2) over some fields, by a certificate that the message names. It is believed only
when it comes, by HTTPS, from the host of Amazon in the region of a topic that is configured.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import re
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable
from typing import Any
from urllib.parse import urlsplit

import httpx
import orjson
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from marketflow.edge.webhooks.provider import Forged, NotNow
from marketflow.shared import ConfigurationError

Fetch = Callable[[str], Awaitable[bytes]]
CONFIRMATION = "SubscriptionConfirmation"
_TOPIC = re.compile(r"arn:aws(-cn|-us-gov)?:sns:([a-z0-9-]{1,40}):\d{12}:[A-Za-z0-9_.-]{1,260}")
_SIGNED = {
    "Notification": ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"),
    CONFIRMATION: ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"),
    "UnsubscribeConfirmation": ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"),
}
_HASHES: dict[str, hashes.HashAlgorithm] = {"1": hashes.SHA1(), "2": hashes.SHA256()}  # noqa: S303 - Amazon's version 1
_CERTIFICATE = re.compile(r"/[A-Za-z0-9._-]{1,100}\.pem")
_KEPT, _FETCHES, _PER_SECONDS = 16, 10, 60.0
_SECONDS, _MOST_BYTES = 5.0, 65_536


def read_topics(text: str) -> frozenset[str]:
    """The topics of MARKETFLOW_SES_TOPICS, with commas between. Raises ConfigurationError."""
    topics = frozenset(filter(None, (part.strip() for part in text.split(","))))
    if not all(_TOPIC.fullmatch(topic) for topic in topics):
        raise ConfigurationError(
            "MARKETFLOW_SES_TOPICS is a list of topics such as arn:aws:sns:eu-central-1:123456789012:bounces, with"
            " commas between"
        )
    return topics


class Sns:
    """Judges messages of `topics`. `fetch` gets a certificate, or calls a confirmation's address; raises OSError."""

    def __init__(self, topics: Iterable[str], fetch: Fetch | None = None) -> None:
        self._topics, self._fetch = frozenset(topics), fetch or fetch_https
        self._keys: OrderedDict[str, RSAPublicKey] = OrderedDict()
        self._fetched: list[float] = []
        self._turn = asyncio.Lock()

    async def verify(self, body: bytes) -> None:
        """Raises Forged, or NotNow when the certificate cannot be had."""
        message = parsed(body)
        topic, kind = message.get("TopicArn"), message.get("Type")
        if not isinstance(topic, str) or topic not in self._topics or str(kind) not in _SIGNED:
            raise Forged
        algorithm = _HASHES.get(str(message.get("SignatureVersion")))
        signature = _decoded(message.get("Signature"))
        if algorithm is None or not signature:
            raise Forged
        url = _amazons(message.get("SigningCertURL"), topic, _CERTIFICATE)
        if "?" in url:  # each would be another address of the same certificate, and asked for anew
            raise Forged
        key = await self._key(url)
        try:
            key.verify(signature, canonical(message), PKCS1v15(), algorithm)
        except InvalidSignature:
            raise Forged from None

    async def confirm(self, message: dict[str, Any]) -> None:
        """Tell Amazon that the topic may send here; the message is verified. Raises Forged, NotNow."""
        url = _amazons(message.get("SubscribeURL"), str(message.get("TopicArn")), re.compile("/?"))
        try:
            await self._fetch(url)
        except (OSError, httpx.HTTPError):
            raise NotNow from None

    async def _key(self, url: str) -> RSAPublicKey:
        if url in self._keys:
            self._keys.move_to_end(url)
            return self._keys[url]
        async with self._turn:  # whoever makes up addresses gets one at a time, and few
            if url not in self._keys:
                self._keys[url] = await self._fetched_key(url)
                while len(self._keys) > _KEPT:
                    self._keys.popitem(last=False)
            return self._keys[url]

    async def _fetched_key(self, url: str) -> RSAPublicKey:
        now = time.monotonic()
        self._fetched = [at for at in self._fetched if at > now - _PER_SECONDS]
        if len(self._fetched) >= _FETCHES:
            raise NotNow
        self._fetched.append(now)
        try:
            key = x509.load_pem_x509_certificate(await self._fetch(url)).public_key()
        except (OSError, httpx.HTTPError):
            raise NotNow from None
        except ValueError:
            raise Forged from None
        if not isinstance(key, RSAPublicKey):
            raise Forged
        return key


def parsed(body: bytes) -> dict[str, Any]:
    """The message. Raises Forged for what is no JSON object: Amazon sends none."""
    try:
        found = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise Forged from None
    if not isinstance(found, dict):
        raise Forged
    return found


def canonical(message: dict[str, Any]) -> bytes:
    """The text that is signed: the names and values of the fields that there are, each on a line. Raises Forged."""
    lines: list[str] = []
    for name in _SIGNED[str(message["Type"])]:
        value = message.get(name)
        if value is None and name == "Subject":
            continue
        if not isinstance(value, str):
            raise Forged
        lines += [name, value]
    return "".join(f"{line}\n" for line in lines).encode("utf-8", "replace")


def _amazons(url: object, topic: str, path: re.Pattern[str]) -> str:
    """The address, if it is Amazon's in the topic's region. Raises Forged."""
    found = _TOPIC.fullmatch(topic)
    if not found or not isinstance(url, str) or len(url) > 2_000 or not re.fullmatch(r"[!-~]+", url) or "\\" in url:
        raise Forged
    host = f"sns.{found[2]}.amazonaws.com" + (".cn" if found[1] == "-cn" else "")
    try:
        parts = urlsplit(url)
        is_ours = (parts.scheme, parts.netloc) == ("https", host) and path.fullmatch(parts.path)
    except ValueError:
        raise Forged from None
    if not is_ours or "#" in url:
        raise Forged
    return url


def _decoded(text: object) -> bytes:
    try:
        return base64.b64decode(text, validate=True) if isinstance(text, str) and len(text) < 2_000 else b""
    except (binascii.Error, ValueError):
        return b""


async def fetch_https(url: str) -> bytes:
    """GET, without redirects. Raises OSError or httpx.HTTPError for anything but 200 with a small body."""
    async with (
        asyncio.timeout(2 * _SECONDS),
        httpx.AsyncClient(timeout=_SECONDS) as client,
        client.stream("GET", url) as answer,
    ):
        if answer.status_code != httpx.codes.OK:
            raise OSError(f"HTTP status {answer.status_code}")
        found = b""
        async for chunk in answer.aiter_bytes():
            found += chunk
            if len(found) > _MOST_BYTES:
                raise OSError("the answer is too long")
        return found
