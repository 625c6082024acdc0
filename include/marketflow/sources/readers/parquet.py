"""Parquet: columns with types become columns of texts, block by block.

Memory holds a block and what Parquet itself asks for: the pages and dictionaries of the columns that the source maps.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from marketflow.shared import SourceError
from marketflow.sources.errors import HeaderRefused
from marketflow.sources.readers.block import BLOCK_BYTES, BLOCK_ROWS, Block, Reader
from marketflow.sources.readers.compression import open_regular
from marketflow.sources.readers.texts import as_texts, screened

if TYPE_CHECKING:
    import pyarrow as pa

_DAMAGED = "this is not a Parquet file, or it is damaged or cut off"


@contextmanager
def open_parquet(path: Path, *, columns: Sequence[str]) -> Iterator[Reader]:
    """Open a file; `columns` are the source's. Raises OSError, SourceError, HeaderRefused."""
    with open_regular(path) as stream:
        if not os.fstat(stream.fileno()).st_size:
            raise HeaderRefused("the file is empty")
        yield ParquetRows(stream, columns)


@contextmanager
def _own_words() -> Iterator[None]:
    """Arrow's errors may hold data, and are not for people."""
    import pyarrow as pa

    try:
        yield
    except (pa.ArrowException, ValueError):
        raise SourceError(_DAMAGED) from None
    except OSError as error:
        if error.errno:
            raise  # the disk's
        raise SourceError(_DAMAGED) from None


class ParquetRows:
    """A Reader. Of structures the fields can be columns, by a dotted path."""

    def __init__(self, stream: IO[bytes], columns: Sequence[str]) -> None:
        """Raises OSError, SourceError."""
        import pyarrow.parquet as pq

        with _own_words():
            about = pq.read_metadata(stream)
            stream.seek(0)
            repeated = _with_dictionaries(about)
            self._file = pq.ParquetFile(
                stream, metadata=about, read_dictionary=repeated, buffer_size=1 << 20, page_checksum_verification=True
            )
            self._schema = about.schema.to_arrow_schema()
        self._columns = [name for name in columns if self._has(name)]
        inner = [name for name in self._columns if name not in self._schema.names]
        outer = {name.partition(".")[0] for name in inner} - set(self._columns)
        self.header = (*(name for name in self._schema.names if name not in outer), *inner)

    def blocks(self) -> Iterator[Block]:
        """All rows, once."""
        import pyarrow as pa

        first = 1
        for batch in self._batches():
            for start, end in _cuts(batch):
                some = batch.slice(start, end - start)
                with _own_words():
                    texts = {name: as_texts(_column(some, name), name) for name in self._columns}
                yield screened(pa.table(texts), first)
                first += end - start

    def _batches(self) -> Iterator[pa.RecordBatch]:
        size = _batch_rows(self._file.metadata, {name.partition(".")[0] for name in self._columns})
        with _own_words():
            yield from self._file.iter_batches(size, columns=self._columns, use_threads=False)

    def _has(self, name: str) -> bool:
        import pyarrow as pa

        if name in self._schema.names:
            return True
        outer, *inner = name.split(".")
        kind = self._schema.field(outer).type if self._schema.names.count(outer) == 1 else pa.null()
        for part in inner:
            if not pa.types.is_struct(kind) or kind.get_field_index(part) < 0:
                return False
            kind = kind.field(part).type
        return bool(inner)


def _with_dictionaries(about: Any) -> list[str]:
    """The text columns that are stored as numbers of a dictionary: a short file may hold very much text."""
    import pyarrow as pa

    if not about.num_row_groups:
        return []
    group = about.row_group(0)
    chunks = [group.column(i) for i in range(group.num_columns)]
    stored = {chunk.path_in_schema for chunk in chunks if chunk.has_dictionary_page}
    return [f.name for f in about.schema.to_arrow_schema() if f.name in stored and pa.types.is_string(f.type)]


def _batch_rows(about: Any, columns: set[str]) -> int:
    """How many rows to decode at a time, from the sizes that the file tells of its widest row group."""
    widest = 1
    for group in map(about.row_group, range(about.num_row_groups)):
        chunks = map(group.column, range(group.num_columns))
        size = sum(c.total_uncompressed_size for c in chunks if c.path_in_schema.partition(".")[0] in columns)
        widest = max(widest, size // max(group.num_rows, 1))
    return max(64, min(BLOCK_ROWS, BLOCK_BYTES // widest))


def _cuts(batch: pa.RecordBatch) -> Iterator[tuple[int, int]]:
    """Where to cut a batch, so that its texts fill a block: pairs of first row and end."""
    import numpy as np

    sizes = np.zeros(batch.num_rows, np.int64)
    for column in batch.columns:
        sizes += _text_sizes(column)
    ends = np.cumsum(sizes)
    start = 0
    while start < batch.num_rows:
        before = ends[start] - sizes[start]
        end = max(start + 1, int(np.searchsorted(ends, before + BLOCK_BYTES, "right")))
        yield start, end
        start = end


def _text_sizes(column: pa.Array) -> Any:
    """Bytes of each row's text; of other types about as much as their texts take."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_dictionary(column.type):
        return np.nan_to_num(
            pc.binary_length(column.dictionary).take(column.indices).to_numpy(zero_copy_only=False)
        ).astype(np.int64)
    if pa.types.is_string(column.type):
        return np.nan_to_num(pc.binary_length(column).to_numpy(zero_copy_only=False)).astype(np.int64)
    return column.nbytes // max(len(column), 1)


def _column(batch: pa.RecordBatch, name: str) -> pa.Array:
    import pyarrow.compute as pc

    if name in batch.schema.names:
        return batch.column(name)
    outer, *inner = name.split(".")
    return pc.struct_field(batch.column(outer), inner)
