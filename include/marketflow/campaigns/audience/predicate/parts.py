"""What else can be said of a condition without running it: its parts, what it reads, whether it means everybody."""

from __future__ import annotations

from typing import TYPE_CHECKING

from marketflow.campaigns.audience.predicate.events import ORDER
from marketflow.campaigns.audience.predicate.parse import AudienceRefused, ands, is_everybody, parse

if TYPE_CHECKING:
    from sqlglot import exp


def parts_of(text: str) -> list[str]:
    """The parts that must all be true, each a condition of its own. Raises AudienceRefused."""
    try:
        parts = [part for part in ands(parse(text)) if not is_everybody(part)]
        return [part.sql(dialect="postgres", normalize_functions=False) for part in parts]
    except RecursionError:
        raise AudienceRefused("the condition is nested too deeply") from None


def says_everybody(text: str) -> bool:
    """Does the condition say that all customers may be meant: `everybody()`, or nothing but `true`?"""
    tree = parse(text)
    return any(map(is_everybody, ands(tree))) or is_true(tree)


def is_true(tree: exp.Expr) -> bool:
    """Is the whole condition `true`?"""
    return type(tree).__name__ == "Boolean" and bool(tree.this)


def tables_read(text: str) -> tuple[str, ...]:
    """The tables beside marts.customer_360 that must know the business day. Raises AudienceRefused."""
    names = [n.expressions[0].name.lower() for n in _functions(parse(text), "did") if n.expressions]
    return tuple(sorted({"marts.customer_days" if n == ORDER else "core.events" for n in names}))


def columns_read(text: str) -> list[str]:
    """The columns that it names, each once. Raises AudienceRefused."""
    tree = parse(text)
    named = [n.name.lower() for n in tree.walk() if type(n).__name__ == "Column"]
    return list(dict.fromkeys([*named, *("segment" for _ in _functions(tree, "in_segment"))]))


def _functions(tree: exp.Expr, name: str) -> list[exp.Expr]:
    return [n for n in tree.walk() if type(n).__name__ == "Anonymous" and n.name.lower() == name]
