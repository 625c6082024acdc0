"""What stands in the brackets of did(...), in_segment(...) and got_campaign(...): a name, and arguments by name."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from marketflow.campaigns.audience.predicate.about import meant
from marketflow.campaigns.audience.predicate.parse import AudienceRefused

if TYPE_CHECKING:
    from sqlglot import exp

PRODUCT_WORDS = ("category", "department", "brand", "product")
# Ten years: a longer one is a slip of the pen.
_SPANS = {"days": (1, 3_660), "at_least": (1, 1_000)}
_WHOLE = re.compile(r"[0-9]{1,6}")
_MAX_WORD = 200


@dataclass(frozen=True, kw_only=True)
class Arguments:
    """What a marketer asked for, read and within bounds. `words` are the product's, by argument."""

    name: str | None
    days: int | None = None
    at_least: int = 1
    words: dict[str, str] = field(default_factory=dict)


def read_arguments(node: exp.Expr, allowed: Sequence[str], *, example: str, needs_name: bool = True) -> Arguments:
    """The arguments of a predicate; raises AudienceRefused with the nearest valid argument and an example."""
    function = node.name.lower()
    named = [a for a in node.expressions if type(a).__name__ == "Kwarg"]
    rest = [a for a in node.expressions if type(a).__name__ != "Kwarg"]
    if any(not _is_text(a) for a in rest):
        raise AudienceRefused(f"{function}(...) takes a 'name' and arguments such as {example}")
    if len(rest) > 1 or (needs_name and not rest):
        raise AudienceRefused(f"{function}(...) takes exactly one 'name' before its arguments: {example}")
    if rest and node.expressions[0] is not rest[0]:
        raise AudienceRefused(f"in {function}(...) the 'name' comes first: {example}")
    found: dict[str, exp.Expr] = {}
    for argument in named:
        word = argument.this.name.lower()
        if word not in allowed:
            raise AudienceRefused(f"{function}(...) has no argument {word[:40]!r}{meant(word, allowed)}")
        if word in found:
            raise AudienceRefused(f"{function}(...) has {word} twice")
        found[word] = argument.expression
    numbers = {w: _number(w, found[w]) for w in _SPANS if w in found}
    words = {w: _text(w, found[w]) for w in PRODUCT_WORDS if w in found}
    name = _text("the name", rest[0]) if rest else None
    return Arguments(name=name, days=numbers.get("days"), at_least=numbers.get("at_least", 1), words=words)


def _number(word: str, value: exp.Expr) -> int:
    low, high = _SPANS[word]
    is_number = type(value).__name__ == "Literal" and not value.is_string
    if not (is_number and _WHOLE.fullmatch(value.name) and low <= int(value.name) <= high):
        raise AudienceRefused(f"{word} must be a whole number from {low} to {high}, such as {word} => 30")
    return int(value.name)


def _text(word: str, value: exp.Expr) -> str:
    if not (_is_text(value) and 0 < len(value.name) <= _MAX_WORD):
        raise AudienceRefused(f"{word} must be a 'text' of at most {_MAX_WORD} characters")
    return str(value.name)


def _is_text(value: exp.Expr) -> bool:
    return type(value).__name__ == "Literal" and bool(value.is_string)
