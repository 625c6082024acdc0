"""Files as streams of bytes, compressed or not. What comes out is read in pieces: a bomb costs time, not memory."""

from __future__ import annotations

import gzip
import io
import os
import stat
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Literal

from marketflow.shared import SourceError

Compression = Literal["auto", "none", "gzip", "zstd"]
BUFFER = 1 << 20  # bytes
_SUFFIXES: dict[str, Compression] = {".gz": "gzip", ".zst": "zstd"}
_DAMAGED = "the archive is damaged or cut off"


@contextmanager
def open_regular(path: Path) -> Iterator[IO[bytes]]:
    """Open a regular file; raises OSError, also for pipes and devices (which could block for ever)."""
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with open(handle, "rb", buffering=BUFFER) as stream:  # noqa: PTH123 - a descriptor, not a path
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise OSError(0, "not a regular file")
        yield stream


@contextmanager
def opened(path: Path, compression: Compression = "auto") -> Iterator[IO[bytes]]:
    """The file's content as a buffered stream; `auto` goes by the name: .gz, .zst, or else as it is.

    An archive may have several members (gzip) or frames (zstd). Raises OSError; reading raises SourceError when the
    archive is damaged, cut off, or of another kind.
    """
    with open_regular(path) as stream:
        kind = by_name(path.name) if compression == "auto" else compression
        if kind == "none":
            yield stream
            return
        unpacked: Any = gzip.GzipFile(fileobj=stream) if kind == "gzip" else _zstd(stream)
        with unpacked, io.BufferedReader(_Unpacked(unpacked), BUFFER) as content:
            yield content


def by_name(name: str) -> Compression:
    """How a file of that name is compressed."""
    return _SUFFIXES.get(Path(name).suffix.lower(), "none")


def _zstd(stream: IO[bytes]) -> Any:
    import pyarrow as pa

    # Its decoder refuses frames that ask for a window above 128 MiB.
    return pa.CompressedInputStream(pa.PythonFile(stream, mode="r"), "zstd")


class _Unpacked(io.RawIOBase):
    """What an unpacker gives, its errors in our words; those of the disk stay as they are."""

    def __init__(self, source: IO[bytes]) -> None:
        self._source = source

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        try:
            data = self._source.read(min(len(buffer), BUFFER))
        except (EOFError, zlib.error, gzip.BadGzipFile):
            raise SourceError(_DAMAGED) from None
        except OSError as error:
            if error.errno:
                raise
            raise SourceError(_DAMAGED) from None  # Arrow's errors have no number
        buffer[: len(data)] = data
        return len(data)
