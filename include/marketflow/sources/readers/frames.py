r"""The file format of what the collector took: records one after the other, each provably whole or not there.

A segment is `MFCOLL1\n` and records; a record is `mark (4 bytes) | length of the body (4, big endian) |
CRC-32 of length and body (4) | body`. What a crash leaves of the last write is no record, and the mark finds the next
record behind damage. The edge service writes it, the source `collector` reads it; what is in a body is not its concern.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from mmap import mmap

MAGIC = b"MFCOLL1\n"
SUFFIX = ".events"
MAX_BODY = 1 << 20  # bytes; one request has half of that at most
_MARK = b"\xf5MFR"
_HEAD = struct.Struct(">4sII")


@dataclass(frozen=True, slots=True)
class Stretch:
    """Bytes of a segment from `start` to `end`: a record with its body, or damage (no body)."""

    start: int
    end: int
    body: bytes | None


def frame(body: bytes) -> bytes:
    """A body as a record; raises ValueError for one that is too long to be found again."""
    if len(body) > MAX_BODY:
        raise ValueError("a record of the collector's log is longer than 1 MiB")
    length = len(body).to_bytes(4, "big")
    return b"".join((_MARK, length, zlib.crc32(body, zlib.crc32(length)).to_bytes(4, "big"), body))


def bundle(requests: list[bytes]) -> bytes:
    """Several requests as one text to encrypt: `length (4, big endian) | request`, one after the other."""
    return b"".join(part for request in requests for part in (len(request).to_bytes(4, "big"), request))


def unbundle(text: bytes) -> Iterator[bytes]:
    """The requests of a bundle."""
    at = 0
    while at < len(text):
        end = at + 4 + int.from_bytes(text[at : at + 4], "big")
        yield text[at + 4 : end]
        at = end


def scan(data: bytes | mmap) -> Iterator[Stretch]:
    """All of a segment in order, every byte behind the first line in one stretch; never raises."""
    at = len(MAGIC) if data[: len(MAGIC)] == MAGIC else 0
    while at < len(data):
        body = _body(data, at)
        end = at + _HEAD.size + len(body) if body is not None else _next(data, at + 1)
        yield Stretch(at, end, body)
        at = end


def whole_until(data: bytes | mmap) -> int:
    """The end of the last whole record: what is behind it is the torn end of an interrupted write."""
    return max((s.end for s in scan(data) if s.body is not None), default=0)


def _body(data: bytes | mmap, at: int) -> bytes | None:
    head = data[at : at + _HEAD.size]
    if len(head) < _HEAD.size:
        return None
    mark, length, checksum = _HEAD.unpack(head)
    if mark != _MARK or length > MAX_BODY:
        return None
    body = data[at + _HEAD.size : at + _HEAD.size + length]
    return body if len(body) == length and zlib.crc32(body, zlib.crc32(head[4:8])) == checksum else None


def _next(data: bytes | mmap, at: int) -> int:
    """Where the next whole record begins, or the end."""
    while (at := data.find(_MARK, at)) >= 0:
        if _body(data, at) is not None:
            return at
        at += 1
    return len(data)
