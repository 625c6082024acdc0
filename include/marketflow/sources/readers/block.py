"""What every reader gives, whatever the format: blocks of rows as texts, and the records that are no rows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import pyarrow as pa

BLOCK_ROWS, BLOCK_BYTES = 100_000, 8 << 20  # what a block holds at most
LIMIT = 1 << 20  # bytes of one record; a longer one is damage
KEPT = 1 << 16  # bytes of a bad record that go to quarantine


@dataclass(frozen=True, slots=True)
class BadRecord:
    """What could not be told apart into columns: its number (the first is 1), what is wrong, its first KEPT bytes."""

    number: int
    reason: str
    payload: bytes
    size: int  # of all bytes
    unfinished: bool = False  # the file ends with it, without an end of its own


@dataclass(frozen=True, slots=True)
class Block:
    """Rows in order, with their record numbers (int32).

    `rows` has one string column per column of the source; null is an absent value. An empty text may stand in it: the
    mapping knows what the source takes for empty.
    """

    numbers: pa.Array
    rows: pa.Table
    bad: list[BadRecord] = field(default_factory=list)


class Reader(Protocol):
    """An opened file or query. Memory is bounded by the block, whatever is read."""

    @property
    def header(self) -> tuple[str, ...]:
        """The names of the columns, as found."""

    def blocks(self) -> Iterator[Block]:
        """All rows, once. Raises SourceError when the source cannot be read any further; no message holds data."""
