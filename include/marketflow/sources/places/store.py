"""A folder of an object store: S3, Google Cloud Storage, Azure, or another file system, through fsspec.

Each object is copied to a local temporary file (TMPDIR) in pieces before it is read: its checksum must be known first,
and Parquet is not read from front to back. What the store itself says of an object (ETag, generation) is kept in the
manifest, so that what was taken in is not fetched again.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO, Any
from urllib.parse import urlsplit

from marketflow.shared import SourceError
from marketflow.sources.definition import Source
from marketflow.sources.errors import ContentChanged
from marketflow.sources.places.folder import is_wanted
from marketflow.sources.places.item import Fingerprint, Item, Window
from marketflow.sources.readers import open_reader
from marketflow.sources.readers.block import Reader

_PIECE = 8 << 20  # bytes fetched at a time
_PACKAGES = {"s3": "s3fs", "gs": "gcsfs", "abfs": "adlfs"}
_VERSIONS = ("ETag", "etag", "generation", "mtime", "LastModified", "last_modified")


@contextmanager
def _own_words(what: str, source: Source) -> Iterator[None]:
    """Each store has errors of its own, and their words may hold keys or whole addresses: only the kind is told."""
    try:
        yield
    except (SourceError, MemoryError):
        raise
    except ImportError:
        package = _PACKAGES.get(_scheme(source), "the file system's package")
        raise SourceError(f"{what} cannot be reached: {package} is not installed") from None
    except Exception as error:  # noqa: BLE001 - see above
        said = error.strerror if isinstance(error, FileNotFoundError | PermissionError) and error.strerror else ""
        kind = type(error).__name__ if len(said) > 60 or not said else said
        known = f"the connection {source.from_.connection}" if source.from_.connection else "the machine's credentials"
        raise SourceError(f"{what} cannot be read ({kind}); check its address and {known}") from None


def _scheme(source: Source) -> str:
    return urlsplit(source.from_.url or "").scheme


class Object:
    """An object of a store; an Item."""

    window: Window | None = None

    def __init__(self, source: Source, files: Any, about: Mapping[str, Any], name: str) -> None:
        self.name = name
        self._source, self._files = source, files
        self._path, self._version = str(about["name"]), version_of(about)
        self._copy: IO[bytes] | None = None

    def fingerprint(self) -> Fingerprint:
        """SHA-256 and size; the object is fetched. Raises OSError, SourceError, ContentChanged."""
        seen = self._fetch()
        return Fingerprint(checksum=seen.checksum, size=seen.size, version=self._version)

    @contextmanager
    def read(self) -> Iterator[Reader]:
        """Open the copy, which is gone when all went well. Raises HeaderRefused, OSError, SourceError."""
        if self._copy is None:
            self._fetch()
        assert self._copy is not None
        with open_reader(self._source, Path(self._copy.name)) as reader:
            yield reader
        self._copy.close()
        self._copy = None

    def _fetch(self) -> Fingerprint:
        """Copy the object to a file that vanishes with this item."""
        suffix = "".join(PurePosixPath(self._path).suffixes[-2:])
        copy = tempfile.NamedTemporaryFile(prefix="marketflow-", suffix=suffix)  # noqa: SIM115 - lives on in the item
        found, size = hashlib.sha256(), 0
        with (
            _own_words(self.name, self._source),
            self._files.open(self._path, "rb", block_size=_PIECE, cache_type="readahead") as stream,
        ):
            while piece := stream.read(_PIECE):
                found.update(piece)
                size += copy.write(piece)
            changed = version_of(self._files.info(self._path)) != self._version
        if changed:
            raise ContentChanged(f"{self.name} was written to while it was fetched")
        copy.flush()
        self._copy = copy
        return Fingerprint(checksum=found.digest(), size=size)


def version_of(about: Mapping[str, Any]) -> str:
    """What tells one state of an object from another, as its store says it."""
    known = next((about[name] for name in _VERSIONS if about.get(name)), "")
    return f"{str(known).strip(chr(34))}/{about.get('size')}"


def _as_stored(name: str) -> str:
    """What is not UTF-8 in a file system's name escaped."""
    return os.fsencode(name).decode(errors="backslashreplace")


class StorePlace:
    """The folder that the source's url names; a Place."""

    def __init__(
        self,
        source: Source,
        options: Callable[[str, str | None], dict[str, Any]],
        seen: Callable[[], Mapping[str, str]],
    ) -> None:
        """`options` are the file system's, by scheme and connection; `seen` the versions of objects taken in."""
        self._source, self._options, self._seen = source, options, seen

    def items(self) -> Iterator[Item]:
        """The objects that fit and were not taken in as they are, by name. Raises SourceError, ConfigurationError."""
        from upath import UPath

        origin = self._source.from_
        url = origin.url or ""
        if ":" in urlsplit(url).netloc.rpartition("@")[0]:
            raise SourceError(f"the address of the source {self._source.name} holds a password; name a connection")
        options = self._options(_scheme(self._source), origin.connection)
        with _own_words(url, self._source):
            folder = UPath(url, use_listings_cache=False, skip_instance_cache=True, **options)
            found = {PurePosixPath(about["name"]).name: about for about in folder.fs.ls(folder.path, detail=True)}
        seen = self._seen()
        for name in sorted(n for n, about in found.items() if is_wanted(n, origin.files) and about["type"] == "file"):
            shown = f"{_as_stored(PurePosixPath(folder.path).name)}/{_as_stored(name)}"
            if seen.get(shown) != version_of(found[name]):
                yield Object(self._source, folder.fs, found[name], shown)
