"""The sandbox that templates are rendered in: Jinja's own, and on top of it an allow-list and a budget.

Jinja's sandbox guards attributes and calls; it bounds neither time nor memory. So only the parts of the language that a
letter needs are allowed (no calls, macros or block captures; few filters; never `safe`), each turn of a loop is
counted (budget.py), and no text or list made in between may grow without limit (guard.py). What a template extends and
includes was put into it before (source.py).
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from jinja2 import FunctionLoader, StrictUndefined, TemplateSyntaxError, meta, nodes, pass_context
from jinja2.filters import FILTERS
from jinja2.sandbox import SandboxedEnvironment
from jinja2.tests import TESTS

from marketflow.campaigns.content import budget, guard
from marketflow.shared import MarketflowError

_NODES = (
    nodes.Template, nodes.Output, nodes.TemplateData, nodes.If, nodes.For, nodes.Assign, nodes.Name, nodes.Const,
    nodes.List, nodes.Tuple, nodes.Dict, nodes.Pair, nodes.CondExpr,
    nodes.Filter, nodes.Test, nodes.Getattr, nodes.Getitem, nodes.Slice, nodes.Compare, nodes.Operand, nodes.And,
    nodes.Or, nodes.Not, nodes.Neg, nodes.Add, nodes.Sub, nodes.Mul, nodes.FloorDiv, nodes.Mod, nodes.Keyword,
)  # fmt: skip
_FILTERS = (
    "capitalize", "count", "d", "default", "e", "escape", "first", "int", "join", "last", "length", "list", "lower",
    "reverse", "sort", "string", "title", "trim", "truncate", "unique", "upper",
)  # fmt: skip
_TESTS = ("defined", "divisibleby", "eq", "even", "ge", "gt", "in", "le", "lt", "ne", "none", "odd", "string")
_FORMATS = ("day", "money", "number", "percent")  # as people of the message's language and region write them
_KNOWN = {"Filter": (*_FILTERS, *_FORMATS), "Test": _TESTS}


class TemplateRefused(MarketflowError):
    """A template is wrong or asks for too much; the message names file and line, and no value of a variable."""


class CampaignEnvironment(SandboxedEnvironment):
    """Templates by name from `sources`; files that end in .html are autoescaped, the others are plain text."""

    intercepted_binops = frozenset(["+", "-", "*", "//", "%"])

    def __init__(self, sources: Mapping[str, str], variables: Iterable[str]) -> None:
        super().__init__(
            loader=FunctionLoader(lambda name: (sources[name], name, None) if name in sources else None),
            autoescape=lambda name: name is not None and name.endswith(".html"),
            undefined=StrictUndefined, auto_reload=False, trim_blocks=True, lstrip_blocks=True,
        )  # fmt: skip
        self.known = frozenset(variables)
        self.globals.clear()
        self.filters = {n: budget.bounded(n, FILTERS[n]) for n in _FILTERS}
        self.filters |= {n: _format(n) for n in _FORMATS} | dict(budget.OURS)
        self.tests = {n: TESTS[n] for n in _TESTS}

    def _parse(self, source: str, name: str | None, filename: str | None) -> nodes.Template:
        tree = super()._parse(source, name, filename)
        for node in [tree, *tree.find_all(nodes.Node)]:
            _check_node(node, name)
        self._check_variables(tree, name)
        return guard.guarded(tree)

    def _check_variables(self, tree: nodes.Template, name: str | None) -> None:
        for unknown in sorted(meta.find_undeclared_variables(tree) - self.known):
            line = next((n.lineno for n in tree.find_all(nodes.Name) if n.name == unknown), 1)
            hint = _nearest(unknown, self.known)
            raise TemplateSyntaxError(f"there is no variable {unknown!r}; {hint}", line, name, name)

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        """Arithmetic whose operands are measured before it is done."""
        budget.arithmetic(operator, left, right)
        return budget.short(super().call_binop(context, operator, left, right))


def _check_node(node: nodes.Node, name: str | None) -> None:
    if isinstance(node, nodes.Filter) and node.name == "safe":
        wrong = "the filter 'safe' would let a customer's name be HTML"
    elif isinstance(node, nodes.Getattr) and node.attr.startswith("_"):
        wrong = f"the attribute {node.attr!r} is not for templates"
    elif isinstance(node, nodes.Name) and node.name == "self":
        wrong = "the template itself is not for templates"
    elif isinstance(node, nodes.Filter | nodes.Test) and node.name not in _KNOWN[type(node).__name__]:
        kind = type(node).__name__
        wrong = f"there is no {kind.lower()} {node.name!r}; {_nearest(node.name, _KNOWN[kind])}"
    elif not isinstance(node, _NODES):
        wrong = f"{type(node).__name__} is not part of the language of templates"
    elif (found := guard.fault(node)) is not None:
        wrong = found
    else:
        return
    line = next((n.lineno for n in [node, *node.find_all(nodes.Node)] if n.lineno), 1)
    raise TemplateSyntaxError(wrong, line, name, name)


def _nearest(word: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(word, known := sorted(known), n=1, cutoff=0.5)
    return f"did you mean {close[0]!r}?" if close else f"there are {', '.join(known)}"


def _format(name: str) -> Callable[..., Any]:
    @pass_context
    def formatted(context: Any, *args: Any, **options: Any) -> Any:
        return getattr(context["_formats"], name)(*args, **options)

    return formatted
