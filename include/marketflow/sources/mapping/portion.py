"""What goes through the mapping: blocks and where they are from, what is said of their rows, what becomes of them."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from marketflow.sources.readers.block import Block

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True, kw_only=True)
class Part:
    """A block and the file that it is of. `version_at`: as of when records count that do not say it themselves.

    `cut`: the block's last row is the file's last, and its line has no end.
    """

    file_id: int
    version_at: dt.datetime
    block: Block
    cut: bool = False


@dataclass(frozen=True, kw_only=True)
class Quarantined:
    """A row that is not loaded; the payload is encrypted."""

    file_id: int
    record_no: int
    record: str
    reason: str
    column: str | None
    payload: bytes
    payload_bytes: int
    payload_kind: str


@dataclass(frozen=True, kw_only=True)
class Judged:
    """Some blocks, where each row is from, and what DuckDB says of the rows; None: there are none."""

    parts: Sequence[Part]
    rows: pa.Table
    place: dict[str, pa.Array]
    columns: pa.Table | None


@dataclass(kw_only=True)
class Portion:
    """What became of some blocks: rows for COPY and their number per record, and the rows that are not loaded."""

    copies: dict[str, pa.Table] = field(default_factory=dict)  # record: its rows, with the columns of its table in raw
    rows: dict[str, int] = field(default_factory=dict)
    read: Counter[int] = field(default_factory=Counter)  # by file
    bad: list[Quarantined] = field(default_factory=list)
