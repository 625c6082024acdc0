"""The landing folder of a record: which files there are, and what each holds by its checksum."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from marketflow.shared import SourceError
from marketflow.sources.contracts import Contract
from marketflow.sources.records import HeaderRefused

CHUNK = 1 << 20


@dataclass(frozen=True, kw_only=True)
class Fingerprint:
    """What tells one file from another: SHA-256 and size in bytes, and when it was last written to (ns)."""

    checksum: bytes
    size: int
    changed_at: int


def landing_files(landing: Path, record: str) -> list[Path]:
    """The record's files in order of their names; names that begin with a dot are still being written.

    Raises SourceError when the folder is missing or cannot be listed.
    """
    folder = landing / record
    try:
        return sorted(p for p in folder.iterdir() if not p.name.startswith(".") and not p.is_dir())
    except OSError as error:
        raise SourceError(f"the landing folder {folder} cannot be listed: {error.strerror}") from error


def stored_path(path: Path, landing: Path) -> str:
    """The path as it is stored: below the landing folder, names that are not UTF-8 escaped."""
    return os.fsencode(path.relative_to(landing)).decode(errors="backslashreplace")


@contextmanager
def open_landing(path: Path) -> Iterator[IO[bytes]]:
    """Open a regular file; raises OSError, also for pipes and devices (which could block for ever)."""
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with open(handle, "rb", buffering=CHUNK) as stream:  # noqa: PTH123 - a descriptor, not a path
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise OSError(0, "not a regular file")
        yield stream


def fingerprint(stream: IO[bytes]) -> Fingerprint:
    """Read the file once from its beginning, in pieces; leaves the stream at its beginning."""
    digest, size = hashlib.sha256(), 0
    state = os.fstat(stream.fileno())
    while chunk := stream.read(CHUNK):
        digest.update(chunk)
        size += len(chunk)
    stream.seek(0)
    return Fingerprint(checksum=digest.digest(), size=size, changed_at=state.st_mtime_ns)


def has_changed(stream: IO[bytes], seen: Fingerprint) -> bool:
    """Did somebody write to the file since it was fingerprinted?"""
    state = os.fstat(stream.fileno())
    return (state.st_size, state.st_mtime_ns) != (seen.size, seen.changed_at)


def check_header(contract: Contract, header: tuple[str, ...]) -> None:
    """Raise HeaderRefused unless `header` names the contract's columns, each once, in any order.

    A first line may be a person's record by mistake, so its words are repeated only when the header is there.
    """
    missing = [name for name in contract.names if name not in header]
    unknown = [name for name in header if name not in contract.names]
    twice = sorted({name for name in contract.names if header.count(name) > 1})
    if missing:
        others = f"; it has {len(unknown)} unknown ones" if unknown else ""
        raise HeaderRefused(f"the header lacks the columns {', '.join(missing)}{others}")
    if unknown:
        shown = ", ".join(repr(name[:40]) for name in unknown[:5])
        raise HeaderRefused(f"the header has columns that the contract does not know: {shown}")
    if twice:
        raise HeaderRefused(f"the header names columns twice: {', '.join(twice)}")
