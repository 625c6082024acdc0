"""From a contract: the pattern of a plain line, with which the fast path tells at a glance that a file is as agreed.

It is narrower than the rules: what it does not match goes the careful way, which decides. It never backtracks
(possessive repeats), so a hostile file costs as much as an honest one: 0.5 µs a line.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache

from marketflow.sources.contracts import Column, Contract
from marketflow.sources.contracts.model import FLAG, INSTANT, INTEGER_DIGITS

# No quote and no backslash: without them CSV is commas and line ends. No control characters.
_CHARACTER = r'[^,"\\\x00-\x1f]'
_FIRST = r'[^,"\\\x00-\x20]'


@cache
def plain_lines(contract: Contract, header: tuple[str, ...]) -> re.Pattern[bytes]:
    """Matches a block of whole lines that all fit `contract`, the columns standing as in `header`."""
    line = ",".join(_field(contract.column(name)) for name in header)
    return re.compile(rf"(?:{line}\r?\n)*+".encode())


def is_plain(contract: Contract) -> bool:
    """May files of this record take the fast path? Not when a value needs encryption or another column's help."""
    return not contract.has_personal_data and not any(c.kind == "zone" or c.required_with for c in contract.columns)


def _plain_number(column: Column) -> str:
    """Numbers that lie within the limits by their length alone, so that COPY need not compare them."""
    low, high = -(column.minimum or 0), column.maximum or 0
    digits = len(str(int(min(low, high) if low else high))) - 1
    sign = "-?" if low else ""
    decimals = rf"(?:\.[0-9]{{1,{column.decimals}}}0{{0,9}})?" if column.decimals else ""
    return rf"{sign}[0-9]{{1,{digits}}}{decimals}"


def number_pattern(column: Column) -> str:
    """The text of a number of this column: digits, a point, decimals; zeros may follow."""
    decimals = rf"(?:\.[0-9]{{1,{column.decimals}}}0{{0,9}})?" if column.decimals else ""
    return rf"-?[0-9]{{1,{INTEGER_DIGITS}}}{decimals}"


def _field(column: Column) -> str:
    pattern = _value(column)
    return pattern if column.required or column.default is not None else f"(?:{pattern})?+"


def _value(column: Column) -> str:
    if column.kind == "number":
        return f"(?>{_plain_number(column)})"
    if column.kind == "instant":
        return f"(?>{INSTANT})"
    if column.kind == "flag":
        return f"(?>{FLAG})"
    if column.allowed:
        return f"(?>{_alternatives(column.allowed)})"
    if column.pattern:
        return f"(?>{column.pattern})"
    return f"{_FIRST}{_CHARACTER}{{0,{column.max_length - 1}}}+"


def _alternatives(values: Sequence[str]) -> str:
    """Longest first: an atomic group takes the first that fits and does not come back."""
    return "|".join(re.escape(v) for v in sorted(values, key=len, reverse=True))
