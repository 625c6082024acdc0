"""Proves by counting that a stretch of CSV is well formed, as RFC 4180 has it: ten times as fast as by a pattern."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

LONGEST = 1 << 16  # bytes of a line in a stretch; csv takes fields of up to 128 KiB, so longer ones are read with care
_NEWLINE, _RETURN = b"\n"[0], b"\r"[0]


def well_formed_end(data: bytes, start: int, end: int, *, delimiter: str, quote: str) -> int:
    """Where the last record ends up to which all of `data[start:end]` is proved well formed; `start`: none of it is.

    Whether each record has the right number of fields is not looked at, nor whether the bytes are UTF-8. `end` must be
    behind a line end.
    """
    if not (delimiter.isascii() and quote.isascii()) or data.find(b"\0", start, end) >= 0:
        return start
    if data.find(b"\r", start, end) >= 0 and data.count(b"\r", start, end) != data.count(b"\r\n", start, end):
        return start
    if quote and data.find(quote.encode(), start, end) >= 0:
        return _quoted_end(data, start, end, delimiter=ord(delimiter), quote=ord(quote))
    steps = range(start, end - LONGEST // 2, LONGEST // 2)
    return end if all(data.find(b"\n", at, at + LONGEST // 2) >= 0 for at in steps) else start


def _quoted_end(data: bytes, start: int, end: int, *, delimiter: int, quote: int) -> int:
    """As `well_formed_end`: a line end is a record's where the quotes before it are even in number."""
    import numpy as np

    text = np.frombuffer(data, np.uint8, end - start, start)
    quotes, lines = np.flatnonzero(text == quote), np.flatnonzero(text == _NEWLINE)
    ends = lines[np.searchsorted(quotes, lines) % 2 == 0]
    if not len(ends) or np.diff(ends, prepend=-1).max() > LONGEST:
        return start
    quotes = quotes[: np.searchsorted(quotes, ends[-1])]
    return start + int(ends[-1]) + 1 if _stand_at_edges(text, quotes, delimiter) else start


def _stand_at_edges(text: npt.NDArray[np.uint8], quotes: npt.NDArray[np.intp], delimiter: int) -> bool:
    """Does a field begin at each quote that opens and end at each that closes, but for the doubled ones within?"""
    import numpy as np

    opening, closing = quotes[0::2], quotes[1::2]
    doubled = opening[1:] == closing[:-1] + 1
    edges = np.array([delimiter, _NEWLINE, _RETURN], np.uint8)
    begins, ends = np.isin(text[opening - 1], edges[:2]), np.isin(text[closing + 1], edges)
    begins[:1] |= opening[:1] == 0
    begins[1:] |= doubled
    ends[:-1] |= doubled
    return bool(begins.all() and ends.all())
