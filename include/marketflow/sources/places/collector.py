"""The place of the source `collector`: the closed segments of the edge service's log.

A segment appears whole under its name and never changes; those that are being written have a dot first.
"""

from __future__ import annotations

import contextlib
import hashlib
import mmap
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg

from marketflow.privacy import KeyRing
from marketflow.shared import SourceError
from marketflow.sources.errors import ContentChanged
from marketflow.sources.places.item import Fingerprint, Item, Window
from marketflow.sources.readers.block import Reader
from marketflow.sources.readers.collected import CollectedReader
from marketflow.sources.readers.frames import SUFFIX
from marketflow.warehouse import queries

FOLDER = "collected"  # what a segment's name begins with where it is stored and shown


@dataclass(frozen=True, kw_only=True)
class Segment:
    """A closed segment; an Item."""

    path: Path
    keys: KeyRing

    @property
    def name(self) -> str:
        """Such as collected/20261122T090000000000-1f2e3d4c.events."""
        return f"{FOLDER}/{self.path.name}"

    @property
    def window(self) -> Window | None:
        """None: it is a file."""
        return None

    def fingerprint(self) -> Fingerprint:
        """SHA-256 and size of the file. Raises OSError."""
        return Fingerprint(checksum=_checksum(self.path), size=self.path.stat().st_size)

    @contextmanager
    def read(self) -> Iterator[Reader]:
        """Open it. Raises OSError or SourceError, and on leaving ContentChanged."""
        with self.path.open("rb") as file:
            before = self.path.stat()
            if not before.st_size:
                yield CollectedReader(b"", self.keys, self.name)
                return
            with mmap.mmap(file.fileno(), before.st_size, access=mmap.ACCESS_READ) as data:
                yield CollectedReader(data, self.keys, self.name)
            after = self.path.stat()
            if (before.st_size, before.st_mtime_ns, before.st_ino) != (after.st_size, after.st_mtime_ns, after.st_ino):
                raise ContentChanged(f"{self.name} was changed while it was read")


@dataclass(frozen=True, kw_only=True)
class CollectorPlace:
    """The folder of the log; a Place."""

    folder: Path
    keys: KeyRing

    def items(self) -> Iterator[Item]:
        """The closed segments, oldest first. A folder that is not there yet has none. Raises SourceError."""
        try:
            names = sorted(p.name for p in self.folder.iterdir()) if self.folder.exists() else []
        except OSError as error:
            raise SourceError(f"the collector's log cannot be listed: {error.strerror}") from None
        for name in names:
            if name.endswith(SUFFIX) and not name.startswith("."):
                yield Segment(path=self.folder / name, keys=self.keys)


def forget_drained(conn: psycopg.Connection, folder: Path, *, source: str = "collector") -> int:
    """Delete the segments whose messages core has (or quarantine); how many there were.

    A segment goes when the manifest has its content in a load that was merged into core; one that a load refused, or
    that waits for the gate, stays. Safe to run at any time and twice.
    """
    there: dict[bytes, list[Path]] = {}
    for path in folder.glob(f"[!.]*{SUFFIX}") if folder.exists() else ():
        with contextlib.suppress(FileNotFoundError):
            there.setdefault(_checksum(path), []).append(path)
    rows = conn.execute(queries("collector")["drained_segments"], {"source": source, "checksums": list(there)})
    drained = [path for (checksum,) in rows.fetchall() for path in there[bytes(checksum)]]
    for path in drained:
        path.unlink(missing_ok=True)
    return len(drained)


def _checksum(path: Path) -> bytes:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()
