"""A text file in any encoding as a stream of UTF-8, in pieces. Bytes that do not decode are no UTF-8 there either."""

from __future__ import annotations

import codecs
import io
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

_PIECE = 1 << 20
_MARK = "marketflow_mark"  # the name of our error handler
_UTF8 = ("utf-8", "utf-8-sig")


def as_utf8(stream: IO[bytes], encoding: str) -> IO[bytes]:
    """The stream itself when it is UTF-8, else one that is decoded from `encoding` as it is read."""
    if codecs.lookup(encoding).name in _UTF8:
        return stream
    return io.BufferedReader(_Utf8(stream, encoding), buffer_size=_PIECE)


class _Utf8(io.RawIOBase):
    """Decodes and encodes again: what could not be decoded comes out as a byte that UTF-8 never has."""

    def __init__(self, stream: IO[bytes], encoding: str) -> None:
        self._stream = stream
        self._decoder = codecs.getincrementaldecoder(encoding)(errors=_MARK)
        self._rest = memoryview(b"")
        self._ended = False

    def readable(self) -> bool:
        """Yes."""
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        """As many bytes as there are and fit."""
        while not self._rest and not self._ended:
            piece = self._stream.read(_PIECE)
            self._ended = not piece
            text = self._decoder.decode(piece, final=self._ended)
            self._rest = memoryview(text.encode("utf-8", "surrogateescape"))
        view = memoryview(buffer).cast("B")
        size = min(len(view), len(self._rest))
        view[:size], self._rest = self._rest[:size], self._rest[size:]
        return size


def _mark(error: UnicodeError) -> tuple[str, int]:
    """Each byte that cannot be decoded as itself (from 128 on) or as 255, in the way of surrogateescape."""
    if not isinstance(error, UnicodeDecodeError):
        raise error
    bad = error.object[error.start : error.end]
    return "".join(chr(0xDC00 + (b if b >= 128 else 255)) for b in bad), error.end


codecs.register_error(_MARK, _mark)
