"""Readers: from the bytes of a file, or the rows of a query, to blocks of texts."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from marketflow.sources.definition import Source
    from marketflow.sources.readers.block import Reader


def open_reader(source: Source, path: Path) -> AbstractContextManager[Reader]:
    """A file of the source, by its format. Raises OSError, SourceError, HeaderRefused."""
    form = source.format
    if form.type == "jsonl":
        from marketflow.sources.readers.jsonl import open_jsonl

        unused = None if source.unused == "any" else source.unused
        return open_jsonl(path, columns=source.used_columns, unused=unused, compression=form.compression)
    if form.type == "parquet":
        from marketflow.sources.readers.parquet import open_parquet

        return open_parquet(path, columns=source.used_columns)
    from marketflow.sources.readers.delimited import open_csv

    return open_csv(path, form)
