"""Frequent itemsets on one machine: pairs by a sparse matrix product, larger sets by Eclat over bitmaps (Zaki 2000)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING

from marketflow.engines.door import TooManySets

if TYPE_CHECKING:
    import numpy as np
    import scipy.sparse as sp
    from numpy.typing import NDArray

_CELLS = 1 << 24  # pairs that are counted at a time: bounds the memory of the counts to some 200 MiB
_ROWS = 65_536  # turned into bits at a time: bounds the memory of the bitmaps on their way

Sets = list[tuple[tuple[int, ...], int]]  # columns, and the number of baskets that hold them all


@dataclass(kw_only=True)
class _Found:
    """Sets so far; adding more than `most` raises TooManySets."""

    most: int | None
    sets: Sets = field(default_factory=list)

    def add(self, prefix: tuple[int, ...], members: NDArray[np.int64], counts: NDArray[np.int64]) -> None:
        self.sets += [((*prefix, m), n) for m, n in zip(members.tolist(), counts.tolist(), strict=True)]
        if self.most is not None and len(self.sets) > self.most:
            raise TooManySets(self.most)


@dataclass(kw_only=True)
class _Family:
    """Frequent sets that differ in their last member: `bits` (members x words) say in which rows each of them is."""

    prefix: tuple[int, ...]
    members: NDArray[np.int64]
    bits: NDArray[np.uint64]
    next_first: int = 0


def mine(baskets: sp.csr_array, *, least: int, max_len: int | None, most: int | None) -> Sets:
    """All sets of columns that lie together in at least `least` rows, with at most `max_len` members (None: any).

    Columns that are not frequent are dropped before anything is built of them. The rest are taken from the rarest to
    the most frequent, so that what is looked at for the larger sets of a column, its rows and its later partners, is
    small. Raises TooManySets beyond `most`.
    """
    import numpy as np

    found = _Found(most=most)
    held = np.bincount(baskets.indices, minlength=baskets.shape[1]).astype(np.int64)
    frequent = np.flatnonzero(held >= least)
    frequent = frequent[np.argsort(held[frequent], kind="stable")]
    found.add((), frequent, held[frequent])
    if max_len == 1 or len(frequent) < 2:
        return found.sets
    narrow = _only(baskets, frequent)
    by_column = narrow.tocsc()
    for column, partners, together in _pairs(narrow, by_column, least):
        prefix, members = (int(frequent[column]),), frequent[partners]
        found.add(prefix, members, together)
        if max_len != 2 and len(partners) > 1:
            rows = by_column.indices[by_column.indptr[column] : by_column.indptr[column + 1]]
            family = _Family(prefix=prefix, members=members, bits=_bitmaps(narrow, rows, partners))
            _grow(found, family, least, max_len)
    return found.sets


def as_binary(baskets: sp.csr_array) -> sp.csr_array:
    """The same with ones: an item twice in a basket is in it once, and one that was counted nought is not."""
    import numpy as np
    import scipy.sparse as sp

    binary = sp.csr_array(baskets, copy=True)
    binary.sum_duplicates()
    binary.eliminate_zeros()
    binary.data = np.ones(len(binary.data), dtype=np.int32)
    return binary


def _only(baskets: sp.csr_array, columns: NDArray[np.int64]) -> sp.csr_array:
    """These columns, in this order; rows that hold fewer than two of them say nothing about sets."""
    import numpy as np

    narrow = baskets[:, columns].tocsr()
    narrow = narrow[np.diff(narrow.indptr) > 1]
    narrow.sort_indices()
    return narrow


def _pairs(
    narrow: sp.csr_array, by_column: sp.csc_array, least: int
) -> Iterator[tuple[int, NDArray[np.int64], NDArray[np.int64]]]:
    """Each column, its frequent partners after it, and in how many rows both are."""
    import numpy as np
    import scipy.sparse as sp

    columns = max(1, _CELLS // narrow.shape[1])
    for start in range(0, narrow.shape[1], columns):
        ends = by_column.indptr[start : start + columns + 1]
        part = slice(ends[0], ends[-1])  # turned on its side without being sorted again
        turned = (by_column.data[part], by_column.indices[part], ends - ends[0])
        left = sp.csr_array(turned, shape=(len(ends) - 1, narrow.shape[0]))
        counted = left @ (narrow[:, start:] if start else narrow)
        row = np.repeat(np.arange(counted.shape[0]), np.diff(counted.indptr))
        often = np.flatnonzero((counted.data >= least) & (counted.indices > row))
        row, partner, together = row[often], counted.indices[often].astype(np.int64), counted.data[often]
        order = np.lexsort((partner, row))
        row, partner, together = row[order], partner[order] + start, together[order].astype(np.int64)
        for at, until in pairwise([*np.flatnonzero(np.diff(row, prepend=-1)), len(row)]):
            yield start + int(row[at]), partner[at:until], together[at:until]


def _bitmaps(narrow: sp.csr_array, rows: NDArray[np.int32], partners: NDArray[np.int64]) -> NDArray[np.uint64]:
    """Partners x words: a bit for each of the rows, set where the partner is in it."""
    import numpy as np

    place = np.full(narrow.shape[1], -1, dtype=np.int64)
    place[partners] = np.arange(len(partners))
    parts = []
    for start in range(0, len(rows), _ROWS):
        block = narrow[rows[start : start + _ROWS]]
        there = place[block.indices]
        at = np.repeat(np.arange(block.shape[0]), np.diff(block.indptr))[there >= 0]
        flags = np.zeros((len(partners), -(-block.shape[0] // 64) * 64), dtype=bool)
        flags[there[there >= 0], at] = True
        parts.append(np.packbits(flags, axis=1).view(np.uint64))
    return np.hstack(parts)


def _grow(found: _Found, family: _Family, least: int, max_len: int | None) -> None:
    """All frequent sets of the family's prefix and two or more of its members. Depth first, without recursion."""
    import numpy as np

    open_families = [family]
    while open_families:
        family = open_families[-1]
        first = family.next_first
        family.next_first += 1
        if first >= len(family.members) - 1:
            open_families.pop()
            continue
        both = family.bits[first + 1 :] & family.bits[first]
        counts = np.bitwise_count(both).sum(axis=1, dtype=np.int64)
        often = np.flatnonzero(counts >= least)
        prefix, rest = (*family.prefix, int(family.members[first])), family.members[first + 1 :][often]
        found.add(prefix, rest, counts[often])
        if len(often) > 1 and (max_len is None or len(prefix) + 2 <= max_len):
            open_families.append(_Family(prefix=prefix, members=rest, bits=both[often]))
