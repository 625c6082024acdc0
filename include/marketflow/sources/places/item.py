"""What a place offers, one after the other: a file, or a window of a database's rows."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import Protocol

from marketflow.sources.readers.block import Reader


@dataclass(frozen=True, kw_only=True)
class Fingerprint:
    """What tells one item from another: SHA-256 of the content (of a window: of its bounds), and its size in bytes.

    version: what an object store calls this state of the object (ETag, generation), so that one that was taken in need
    not be fetched again.
    """

    checksum: bytes
    size: int
    version: str | None = None

    def as_of(self, at: dt.datetime) -> Fingerprint:
        """Of a dated snapshot: one that says what an earlier one said says it of another day."""
        return replace(self, checksum=hashlib.sha256(self.checksum + at.isoformat().encode()).digest())


@dataclass(frozen=True, kw_only=True)
class Window:
    """Rows of a database changed after `since` (None: from the beginning) and up to `until`."""

    since: dt.datetime | None
    until: dt.datetime


class Item(Protocol):
    """One file or window. Nothing is read before it is asked for."""

    @property
    def name(self) -> str:
        """As it is stored and shown, such as `web_shop/orders-2026-11-21.csv`; never with a secret or a whole URL."""

    @property
    def window(self) -> Window | None:
        """Of a SQL source."""

    def fingerprint(self) -> Fingerprint:
        """Reads the content once, in pieces. Raises OSError or SourceError when it cannot be read."""

    def read(self) -> AbstractContextManager[Reader]:
        """Open it; raises HeaderRefused, OSError or SourceError, and on leaving ContentChanged.

        ContentChanged: it is not what was fingerprinted any more.
        """


class Place(Protocol):
    """Where the items of a source are."""

    def items(self) -> Iterator[Item]:
        """In the order of their names (windows: of their times). Raises SourceError when the place cannot be listed."""
