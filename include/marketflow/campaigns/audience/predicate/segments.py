"""Is a segment that a comparison names one that there is? A slip of the pen would be nobody, or behind `<>` everybody.

The comparison is worked out for each segment of the shop: brackets, lower(), upper() and coalesce() hide nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from marketflow.campaigns.audience.predicate.about import About

if TYPE_CHECKING:
    from sqlglot import exp


_CASES: dict[str, Callable[[str], str]] = {"Paren": str, "Lower": str.lower, "Upper": str.upper}


class _Open(Exception):
    """The value depends on more than the segment."""


def check_segments(node: exp.Expr, about: About) -> None:
    """Raise AudienceRefused when `node`, which may be =, <>, IN or LIKE, names a segment that there is not."""
    kind = type(node).__name__
    if kind not in ("EQ", "NEQ", "In", "Like"):
        return
    sides = [node.args.get("this"), node.args.get("expression"), *node.args.get("expressions", ())]
    about_segment = [s for s in sides[: 1 if kind == "Like" else None] if s is not None and _names_segment(s)]
    if not about_segment or (known := about.unknown("segment", "")) is None:
        return
    try:
        possible = [_value(side, name) for side in about_segment for name in (*known, None)]
    except _Open:
        return
    for word in _words(sides):
        names = (value for value in possible if value is not None)
        if not any(_is_like(value, word) if kind == "Like" else value == word for value in names):
            about.check("segment", word)


def _names_segment(node: exp.Expr) -> bool:
    return any(type(n).__name__ == "Column" and n.name.lower() == "segment" for n in node.walk())


def _words(sides: Sequence[exp.Expr | None]) -> list[str]:
    """The values of the sides that are the same for all customers."""
    found: list[str] = []
    for side in sides:
        try:
            value = None if side is None or _names_segment(side) else _value(side, None)
        except _Open:
            continue
        found += [] if value is None else [value]
    return found


def _value(node: exp.Expr | None, segment: str | None) -> str | None:
    """What the node is for a customer of that segment."""
    kind = type(node).__name__
    if node is None:
        raise _Open
    if kind == "Column" and node.name.lower() == "segment":
        return segment
    if kind == "Literal" and node.is_string:
        return str(node.name)
    if kind in _CASES:
        value = _value(node.this, segment)
        return None if value is None else _CASES[kind](value)
    if kind in ("Coalesce", "Null"):
        parts = (node.this, *node.expressions) if kind == "Coalesce" else ()
        return next((value for part in parts if (value := _value(part, segment)) is not None), None)
    raise _Open


def _is_like(value: str, pattern: str) -> bool:
    """LIKE: % is any text, _ any character, and a backslash takes the next one by its word.

    All places of `value` that the pattern can have come to, at once: no pattern takes long.
    """
    places = {0}
    for part in re.findall(r"\\.|.", pattern, re.DOTALL):
        if part == "%":
            places = set(range(min(places), len(value) + 1))
        else:
            places = {p + 1 for p in places if p < len(value) and part in ("_", value[p], f"\\{value[p]}")}
        if not places:
            return False
    return len(value) in places
