"""The collector: Segment's calls over HTTP, answered when the events are durable; bare ASGI, for speed."""

from __future__ import annotations

import itertools
import math
import secrets
import time
from collections import Counter
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from typing import Any

import orjson

from marketflow.edge.collector.body import (
    STRANGERS_BYTES,
    Gone,
    Hold,
    Receive,
    Refused,
    Room,
    inflate,
    read_away,
    read_body,
)
from marketflow.edge.collector.keys import WriteKey, WriteKeys
from marketflow.edge.collector.log import EventLog, NotDurable
from marketflow.edge.collector.rate import Rates
from marketflow.shared import Clock
from marketflow.sources.readers.messages import (
    CALLS,
    MAX_BATCH,
    MAX_DEPTH,
    MAX_EVENT,
    MAX_MESSAGES,
    may_be_heavy,
    verdict,
)  # fmt: skip
from marketflow.sources.readers.scrub import shared_context

Scope = MutableMapping[str, Any]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]
Answer = tuple[int, Headers, bytes]

PREFIX = "/v1/"
# The long names are Segment's documented ones, the short ones what its library for browsers asks for.
PATHS = {f"{PREFIX}{call}": call for call in (*CALLS, "batch")} | {
    f"{PREFIX}{short}": call
    for short, call in {
        "t": "track", "i": "identify", "p": "page", "s": "screen", "g": "group", "a": "alias", "b": "batch",
    }.items()
}  # fmt: skip
_REFUSALS_TOLD = 10
_DONE = orjson.dumps({"success": True})
# A page of any site may send: the write key says whose events they are, and no cookie or answer tells anything.
_CORS: Headers = [(b"access-control-allow-origin", b"*")]
_PREFLIGHT: Headers = [
    *_CORS,
    (b"access-control-allow-methods", b"POST"),
    (b"access-control-allow-headers", b"authorization, content-type, content-encoding"),
    (b"access-control-max-age", b"86400"),
]
_JSON: Headers = [*_CORS, (b"content-type", b"application/json")]
_DONE_HEADERS: Headers = [*_JSON, (b"content-length", str(len(_DONE)).encode())]


@dataclass(slots=True)
class _Request:
    """The headers that count."""

    authorization: bytes | None = None
    length: bytes | None = None
    encoding: bytes = b""


class Collector:
    """Takes events of those who hold a write key; `log` makes them durable."""

    def __init__(self, log: EventLog, keys: WriteKeys, clock: Clock, *, per_second: int = 0) -> None:
        self.log, self._keys, self._clock = log, keys, clock
        self._rates, self._room, self._strangers_room = Rates(per_second), Room(), Room(STRANGERS_BYTES)
        # ids of messages that bring none: unique for this process and all others
        self._run, self._numbers = secrets.token_hex(8), itertools.count()
        self._told_at, self._time = 0.0, ""

    @property
    def has_keys(self) -> bool:
        """May anybody send events at all?"""
        return len(self._keys) > 0

    @property
    def state(self) -> str:
        """For /health: ok, or what is wrong."""
        if not self.has_keys:
            return "has no write keys"
        return f"cannot write: {problem}" if (problem := self.log.problem) else "ok"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        try:
            answer: Answer | Refused = await self._take(scope, receive)
        except Refused as found:  # a fresh one: this one's traceback holds the body for as long as the client takes
            answer = Refused(found.status, found.reason, retry_after=found.retry_after)
        except Gone:
            return
        if isinstance(answer, Refused):
            await _refuse(receive, send, answer)
        else:
            await _answer(send, *answer)

    async def _take(self, scope: Scope, receive: Receive) -> Answer:
        call = PATHS.get(scope["path"])
        if call is None:
            raise Refused(404, f"there is no such call; there are {', '.join(CALLS)} and batch")
        if scope["method"] == "OPTIONS":
            return 204, _PREFLIGHT, b""
        if scope["method"] != "POST":
            raise Refused(405, "this takes POST")
        told = _headers(scope["headers"])
        key = self._known(told.authorization) if told.authorization is not None else None
        limit = MAX_BATCH if call == "batch" else MAX_EVENT
        hold = Hold(self._room if key else self._strangers_room)
        try:
            body = await read_body(receive, limit, told.length, hold)
            if told.encoding and told.encoding != b"identity":
                body = inflate(body, told.encoding, limit)
                hold.take(len(body))
            head, answer = self._check(call, key, body)
            await self.log.append(head.encode() + body)
        except NotDurable:
            raise Refused(503, "the event cannot be stored just now", retry_after=5) from None
        finally:  # before the answer: a client that does not read it holds nothing
            hold.give_back()
        return answer

    def _check(self, call: str, key: WriteKey | None, body: bytes) -> tuple[str, Answer]:
        """What the record begins with, and the answer for when it is durable; the parsed body does not outlive it."""
        request = _parse(body)
        key = key or self._known_by_body(request)
        if wait := self._rates.wait(key.name, _count(request) if call == "batch" else 1):
            raise Refused(429, "this key sends more than it may", retry_after=math.ceil(wait))
        is_heavy = may_be_heavy(body)
        refused: list[tuple[int, str]] = []
        if call == "batch":
            refused = _check_batch(request, is_heavy=is_heavy)
        else:
            request["type"] = call  # whatever it says itself
            if reason := verdict(request, is_heavy=is_heavy, shared={}):
                raise Refused(400, reason)
        return self._head(call, key), _told(refused) if refused else (200, _DONE_HEADERS, _DONE)

    def _head(self, call: str, key: WriteKey) -> str:
        """What the record says beside the body: JSON, in one line."""
        name = f"{self._run}{next(self._numbers):x}"
        return f'{{"at":"{self._now()}","call":"{call}","key":"{key.name}","public":{key.json},"id":"{name}"}}\n'

    def _now(self) -> str:
        """The time of arrival, to the millisecond: a clock's text costs more than all checks of a message."""
        tick = time.monotonic()
        if tick - self._told_at > 0.001:
            self._told_at, self._time = tick, self._clock.now().isoformat()
        return self._time

    def _known(self, authorization: bytes) -> WriteKey:
        if found := self._keys.by_header(authorization):
            return found
        raise Refused(401, "the write key is not known")

    def _known_by_body(self, request: dict[str, Any]) -> WriteKey:
        if found := self._keys.by_secret(request.get("writeKey")):
            return found
        raise Refused(401, "the write key is not known: give it as the user of HTTP Basic, or as writeKey")


def _headers(headers: Headers) -> _Request:
    found = _Request()
    for name, value in headers:
        if name == b"authorization":
            found.authorization = value
        elif name == b"content-length":
            found.length = value
        elif name == b"content-encoding":
            found.encoding = value
    return found


def _parse(body: bytes) -> dict[str, Any]:
    """Raises Refused 400; the parser itself gives up at 1,024 levels."""
    try:
        found = orjson.loads(body)
    except orjson.JSONDecodeError:
        deep = f", or nested deeper than {MAX_DEPTH} levels" if may_be_heavy(body) else ""
        raise Refused(400, f"the body is not JSON{deep}") from None
    if not isinstance(found, dict):
        raise Refused(400, "the body is not a JSON object")
    return found


def _count(request: dict[str, Any]) -> int:
    """How many messages a batch has. Raises Refused 400."""
    batch = request.get("batch")
    if not isinstance(batch, list) or not batch:
        raise Refused(400, "batch: is not a list of messages")
    if len(batch) > MAX_MESSAGES:
        raise Refused(400, f"batch: has more than {MAX_MESSAGES} messages")
    return len(batch)


def _check_batch(request: dict[str, Any], *, is_heavy: bool) -> list[tuple[int, str]]:
    """Which of its messages will not be taken, with the reasons: those that the reader of the log will give."""
    shared = shared_context(request.get("context"), Counter()) if is_heavy else {}  # only their weight depends on it
    verdicts = (verdict(message, is_heavy=is_heavy, shared=shared) for message in request["batch"])
    return [(index, reason) for index, reason in enumerate(verdicts) if reason]


def _told(refused: list[tuple[int, str]]) -> Answer:
    told = [{"index": index, "reason": reason} for index, reason in refused[:_REFUSALS_TOLD]]
    body = orjson.dumps({"success": True, "refused_count": len(refused), "refused": told})
    return 200, [*_JSON, (b"content-length", str(len(body)).encode())], body


async def _answer(send: Send, status: int, headers: Headers, body: bytes) -> None:
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _refuse(receive: Receive, send: Send, refused: Refused) -> None:
    """Say why, hear the client out for a moment, and close the connection where a body may still be on its way."""
    code = {401: "unauthorized", 413: "too_large", 429: "rate_limited", 503: "unavailable"}
    # code and message are what Segment's library for Python reads
    body = orjson.dumps(
        {"success": False, "code": code.get(refused.status, "invalid_request"), "message": refused.reason}
    )
    headers = [*_JSON, (b"content-length", str(len(body)).encode())]
    if refused.retry_after is not None:
        headers.append((b"retry-after", str(refused.retry_after).encode()))
    if refused.status == 401:
        headers.append((b"www-authenticate", b'Basic realm="write key"'))
    if refused.status == 405:
        headers.append((b"allow", b"POST, OPTIONS"))
    is_half_read = refused.status in (401, 404, 405, 413)
    if is_half_read:
        headers.append((b"connection", b"close"))
    await send({"type": "http.response.start", "status": refused.status, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": is_half_read})
    if is_half_read:
        await read_away(receive)
        await send({"type": "http.response.body", "body": b""})
