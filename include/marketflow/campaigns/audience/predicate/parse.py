"""From text to sqlglot's tree: one condition, no comment, nothing too long or nested too deeply."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from marketflow.shared import MarketflowError

if TYPE_CHECKING:
    from sqlglot import exp

_MAX_TEXT = 4_000
# What sqlglot raises beside its own errors when a text leads it astray: to us that is a text that cannot be read.
_ASTRAY = (ValueError, TypeError, LookupError, AttributeError, AssertionError, NotImplementedError)
_TYPOGRAPHIC = "‘’‚‛“”„´`"  # noqa: RUF001 - what a word processor makes of a quote


class AudienceRefused(MarketflowError):
    """The condition says something that it may not, or cannot be evaluated; the message says what and what is meant."""


def parse(text: str) -> exp.Expr:
    """The condition's tree. Raises AudienceRefused."""
    import sqlglot  # 0.1 s, and not needed where definitions are only read
    from sqlglot.errors import SqlglotError

    if len(text) > _MAX_TEXT or "\0" in text:
        raise AudienceRefused(f"the condition is longer than {_MAX_TEXT} characters or holds a zero byte")
    try:
        tokens = sqlglot.tokenize(text, read="postgres")
        parsed = sqlglot.parse(text, read="postgres")
    except (SqlglotError, *_ASTRAY) as error:
        raise AudienceRefused(f"the condition cannot be read{_place(error)}{_quotes(text)}") from None
    except RecursionError:
        raise AudienceRefused("the condition is nested too deeply") from None
    if any(t.comments for t in tokens):
        raise AudienceRefused("comments are not part of a condition")
    if len(parsed) != 1 or parsed[0] is None:
        raise AudienceRefused("give exactly one condition, without a semicolon")
    return parsed[0]


def name_of(node: exp.Expr) -> str:
    """What people call a part of the tree."""
    kind = type(node).__name__
    if kind == "Anonymous":
        return f"the function {node.name[:40]!r}"
    if kind in ("Select", "Subquery", "Exists", "Union"):
        return "a query inside a condition"
    return kind.upper()


def only(node: exp.Expr, *args: str) -> None:
    """Refuse a node with parts that we would drop: what it means must be what we make of it."""
    more = sorted(k for k, v in node.args.items() if v and k not in args)
    if more:
        raise AudienceRefused(f"{name_of(node)} with {', '.join(more)} is not allowed in a condition")


def ands(node: exp.Expr) -> Iterator[exp.Expr]:
    """The parts that must all be true: what AND joins, outside of other brackets."""
    waiting = [node]
    while waiting:
        part = waiting.pop()
        kind = type(part).__name__
        if kind == "And":
            waiting += [part.expression, part.this]
        elif kind == "Paren":
            waiting.append(part.this)
        else:
            yield part


def is_everybody(node: exp.Expr) -> bool:
    """Is this part `everybody()`?"""
    return type(node).__name__ == "Anonymous" and node.name.lower() == "everybody" and not node.expressions


def _place(error: Exception) -> str:
    details = getattr(error, "errors", None) or [{}]
    line, column, near = (details[0].get(k) for k in ("line", "col", "highlight"))
    return f" at line {line}, column {column}, near {near!r}" if line else ""


def _quotes(text: str) -> str:
    found = next((c for c in text if c in _TYPOGRAPHIC), None)
    return f"; {found!r} is no quote here: write 'text'" if found else ""
