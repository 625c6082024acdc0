"""A stream of bytes cut at its line ends, in pieces of bounded size, for readers of one record per line."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING

from marketflow.sources.readers.block import KEPT, LIMIT

if TYPE_CHECKING:
    import pyarrow as pa

CHUNK = 4 << 20  # bytes read at a time
_BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class Piece:
    """Whole lines; or, with the size of all of it, the beginning of one line that is too long."""

    data: bytes
    size: int = 0
    unfinished: bool = False  # the stream ends without a line end


def pieces(stream: IO[bytes]) -> Iterator[Piece]:
    """All of a stream, without a byte order mark. A piece holds at most CHUNK + LIMIT bytes."""
    rest, begun = b"", False
    while chunk := stream.read(CHUNK):
        data = rest + (chunk if begun else chunk.removeprefix(_BOM))
        begun = True
        cut = data.rfind(b"\n") + 1
        rest = data[cut:]
        if cut:
            yield Piece(data[:cut])
        if len(rest) > LIMIT:
            long, rest = _too_long(rest, stream)
            yield long
    if rest:
        yield Piece(rest, unfinished=True)


def _too_long(line: bytes, stream: IO[bytes]) -> tuple[Piece, bytes]:
    """Read up to the end of a line that is too long; returns it, and what was read behind it."""
    size = len(line)
    while chunk := stream.read(CHUNK):
        end = chunk.find(b"\n") + 1
        if end:
            return Piece(line[:KEPT], size + end), chunk[end:]
        size += len(chunk)
    return Piece(line[:KEPT], size, unfinished=True), b""


def as_array(data: bytes) -> pa.Array:
    """The lines of a piece as a binary array, each with its line end; the bytes are not copied."""
    import numpy as np
    import pyarrow as pa

    ends = np.flatnonzero(np.frombuffer(data, np.uint8) == ord("\n")) + 1
    if not len(ends) or ends[-1] != len(data):
        ends = np.append(ends, len(data))
    offsets = np.concatenate(([0], ends)).astype(np.int32)
    return pa.BinaryArray.from_buffers(pa.binary(), len(ends), [None, pa.py_buffer(offsets), pa.py_buffer(data)])
