"""A folder below the landing folder: its files, in order of their names."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from fnmatch import fnmatchcase
from pathlib import Path
from typing import IO

from marketflow.shared import SourceError
from marketflow.sources.definition import Source
from marketflow.sources.errors import ContentChanged
from marketflow.sources.places.item import Fingerprint, Item, Window
from marketflow.sources.readers import open_reader
from marketflow.sources.readers.block import Reader
from marketflow.sources.readers.compression import BUFFER, open_regular


def is_wanted(name: str, pattern: str) -> bool:
    """Does the pattern fit? Names that begin with a dot are of files that are still being written."""
    return not name.startswith(".") and fnmatchcase(name, pattern)


def digest(stream: IO[bytes]) -> Fingerprint:
    """Read a stream from where it is to its end, in pieces."""
    found, size = hashlib.sha256(), 0
    while chunk := stream.read(BUFFER):
        found.update(chunk)
        size += len(chunk)
    return Fingerprint(checksum=found.digest(), size=size)


class File:
    """A file of a folder; an Item. What is no regular file (a pipe, a device) is refused when it is opened."""

    window: Window | None = None

    def __init__(self, source: Source, path: Path, name: str) -> None:
        self.path, self.name = path, name
        self._source = source
        self._state: tuple[int, ...] | None = None

    def fingerprint(self) -> Fingerprint:
        """SHA-256 and size. Raises OSError."""
        with open_regular(self.path) as stream:
            self._state = _state(os.fstat(stream.fileno()))
            return digest(stream)

    @contextmanager
    def read(self) -> Iterator[Reader]:
        """Open it. Raises HeaderRefused, OSError, SourceError, and on leaving ContentChanged."""
        before = self._state or _state(self.path.stat())
        with open_reader(self._source, self.path) as reader:
            yield reader
        if _state(self.path.stat()) != before:
            raise ContentChanged(f"{self.name} was written to while it was read")


class FolderPlace:
    """The source's folder; a Place."""

    def __init__(self, source: Source, landing: Path) -> None:
        self._source, self._landing = source, landing

    def items(self) -> Iterator[Item]:
        """The files that fit, by name. Raises SourceError when the folder is missing or cannot be listed."""
        origin = self._source.from_
        folder = self._landing / (origin.folder or "")
        try:
            found = sorted(p for p in folder.iterdir() if is_wanted(p.name, origin.files) and not p.is_dir())
        except OSError as error:
            raise SourceError(f"the landing folder {folder} cannot be listed: {error.strerror}") from None
        for path in found:
            yield File(self._source, path, stored_path(path, self._landing))


def stored_path(path: Path, landing: Path) -> str:
    """The path as it is stored: below the landing folder, names that are not UTF-8 escaped."""
    return os.fsencode(path.relative_to(landing)).decode(errors="backslashreplace")


def _state(found: os.stat_result) -> tuple[int, ...]:
    return (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns)
