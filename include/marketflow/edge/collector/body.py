"""The body of a request, bounded: in bytes as sent, in bytes inflated, and in bytes held for all requests together."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Awaitable, Callable, MutableMapping
from contextlib import suppress
from typing import Any

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
HELD_BYTES = 64 << 20  # by all requests that are being read or written to the log
STRANGERS_BYTES = 8 << 20  # of those that name their key in the body only: until it is read they may be anybody's
_DRAINED_BYTES, _DRAINED_SECONDS = 16 << 20, 2.0


class Refused(Exception):
    """The request cannot be taken: the status and the reason, which the sender is told."""

    def __init__(self, status: int, reason: str, *, retry_after: int | None = None) -> None:
        super().__init__(reason)
        self.status, self.reason, self.retry_after = status, reason, retry_after


class Gone(Exception):
    """The client has closed the connection."""


class Room:
    """How many bytes may be held in memory for all requests that are read or wait for the disk."""

    def __init__(self, limit: int = HELD_BYTES) -> None:
        self.left = limit


class Hold:
    """What one request holds of the room."""

    __slots__ = ("_room", "_size")

    def __init__(self, room: Room) -> None:
        self._room, self._size = room, 0

    def take(self, size: int) -> None:
        """Raises Refused 503 when there is no room for so many more bytes."""
        if size > self._room.left:
            raise Refused(503, "too many requests are being taken in just now", retry_after=1)
        self._room.left -= size
        self._size += size

    def give_back(self) -> None:
        """All of it, when the request is answered."""
        self._room.left += self._size
        self._size = 0


async def read_body(receive: Receive, limit: int, declared: bytes | None, hold: Hold) -> bytes:
    """The whole body. Raises Refused 413 as soon as it is, or says that it will be, longer than `limit`; Gone."""
    if declared is not None and int(declared) > limit:  # the HTTP parser lets digits through only
        raise Refused(413, f"the request has more than {limit} bytes")
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Gone
        chunk: bytes = message.get("body", b"")
        size += len(chunk)
        if size > limit:
            raise Refused(413, f"the request has more than {limit} bytes")
        hold.take(len(chunk))
        parts.append(chunk)
        if not message.get("more_body"):
            return chunk if len(parts) == 1 else b"".join(parts)


def inflate(body: bytes, encoding: bytes, limit: int) -> bytes:
    """Undo Content-Encoding gzip. Raises Refused 415, 400, or 413 for more than `limit` bytes, before making them."""
    if encoding.strip().lower() not in (b"gzip", b"x-gzip"):
        raise Refused(415, "Content-Encoding: is neither gzip nor identity")
    inflater = zlib.decompressobj(wbits=31)
    try:
        whole = inflater.decompress(body, limit + 1)
    except zlib.error:
        raise Refused(400, "the body is not gzip") from None
    if len(whole) > limit:
        raise Refused(413, f"the request has more than {limit} bytes when it is unpacked")
    if not inflater.eof or inflater.unused_data:
        raise Refused(400, "the body is not one whole gzip member")
    return whole


async def read_away(receive: Receive) -> None:
    """Take what a refused client still sends, for a moment: one that meets a closed door may not hear the answer."""
    size = 0
    with suppress(TimeoutError):
        async with asyncio.timeout(_DRAINED_SECONDS):
            while size < _DRAINED_BYTES:
                message = await receive()
                size += len(message.get("body", b""))
                if message["type"] == "http.disconnect" or not message.get("more_body"):
                    return
