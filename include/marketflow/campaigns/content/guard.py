"""What is put into a template when it is compiled, so that rendering it costs no more than budget.py allows.

Most expressions show by their form that they are texts or numbers, and stay as they are: the guards of a letter such as
those that are shipped are on its loops only.
"""
# ruff: noqa: N802  (the names are those of Jinja's nodes)

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from jinja2 import nodes
from jinja2.visitor import NodeTransformer

_LISTS = frozenset(["products"])
_MAX_LITERAL = 2_000
_ONE_VALUE = (
    nodes.Const, nodes.Getattr, nodes.Compare, nodes.Not, nodes.Test, nodes.Neg, nodes.Sub, nodes.Mul, nodes.FloorDiv,
    nodes.Mod,
)  # fmt: skip
_MAKE_LISTS = frozenset(["list", "reverse", "sort", "unique"])
_ATTRIBUTE_AT: Mapping[str, int] = {"sort": 2, "unique": 1, "join": 1}  # of the arguments in brackets
_MAX_ATTRIBUTE = 60


def fault(node: nodes.Node) -> str | None:
    """Why this node would cost more than can be measured, in words; None where it would not."""
    if isinstance(node, nodes.Const) and isinstance(node.value, str) and len(node.value) > _MAX_LITERAL:
        return f"a text in quotes has at most {_MAX_LITERAL} characters"
    if isinstance(node, nodes.List | nodes.Tuple) and len(node.items) > _MAX_LITERAL:
        return f"a list has at most {_MAX_LITERAL} items"
    if isinstance(node, nodes.List | nodes.Tuple | nodes.Dict) and any(map(_is_list, _within(node))):
        return "a list cannot hold other lists"
    if isinstance(node, nodes.Filter | nodes.Test) and (node.dyn_args or node.dyn_kwargs):
        return "what a filter takes is written in its brackets, without stars"
    if isinstance(node, nodes.Filter) and not all(map(_is_attribute, _attributes(node))):
        return f"the filter {node.name!r} takes the name of one attribute, in quotes"
    return None


def guarded(tree: nodes.Template) -> nodes.Template:
    """The tree with its guards, each with the line of what it guards."""
    assigned = {n.name for a in tree.find_all(nodes.Assign) for n in [a.target, *a.target.find_all(nodes.Name)]
                if isinstance(n, nodes.Name)}  # fmt: skip
    made = _Guard(_LISTS | assigned).visit(tree)
    assert isinstance(made, nodes.Template)
    return made


class _Guard(NodeTransformer):
    def __init__(self, unsure: frozenset[str]) -> None:
        self._unsure = unsure  # names that may stand for a list

    def visit_For(self, node: nodes.For) -> nodes.Node:
        each_turn = [*node.body, *([node.test] if node.test else [])]
        inside = sum(1 for part in each_turn for _ in part.find_all(nodes.Node))
        self.generic_visit(node)
        node.iter = _with("turns", node.iter, nodes.Const(inside))
        return node

    def visit_Output(self, node: nodes.Output) -> nodes.Node:
        sure = [isinstance(n, nodes.TemplateData) or self._is_one(n) for n in node.nodes]
        self.generic_visit(node)
        node.nodes = [n if safe else _with("shown", n) for n, safe in zip(node.nodes, sure, strict=True)]
        return node

    def visit_Compare(self, node: nodes.Compare) -> nodes.Node:
        """Two lists are compared item by item; beside one text or number no list costs anything."""
        parts: list[nodes.Compare | nodes.Operand] = [node, *node.ops]
        unsure = [part for part in parts if not self._is_one(part.expr)]
        looks_into = any(part.op in ("in", "notin") for part in node.ops)
        self.generic_visit(node)
        for part in unsure if looks_into or len(unsure) > 1 else []:
            part.expr = _with("weighed", part.expr)
        return node

    def visit_Test(self, node: nodes.Test) -> nodes.Node:
        with_list = bool(node.args) and not (self._is_one(node.node) and all(map(self._is_one, node.args)))
        self.generic_visit(node)
        if with_list:
            node.node, node.args = _with("weighed", node.node), [_with("weighed", n) for n in node.args]
        return node

    def visit_Getitem(self, node: nodes.Getitem) -> nodes.Node:
        self.generic_visit(node)
        return _with("weighed", node) if isinstance(node.arg, nodes.Slice) else node

    def visit_List(self, node: nodes.List) -> nodes.Node:
        return self._literal(node)

    def visit_Dict(self, node: nodes.Dict) -> nodes.Node:
        return self._literal(node)

    def visit_Tuple(self, node: nodes.Tuple) -> nodes.Node:
        return self._literal(node) if node.ctx == "load" else node

    def _literal(self, node: nodes.List | nodes.Tuple | nodes.Dict) -> nodes.Node:
        sure = all(map(self._is_one, _within(node)))
        self.generic_visit(node)
        return node if sure else _with("flat", node)

    def _is_one(self, node: nodes.Node | None) -> bool:
        """Is it certainly one text or number, or no more than one of the products?

        What a list or dictionary holds is: `flat` sees to that.
        """
        if isinstance(node, nodes.Name):
            return node.name not in self._unsure
        if isinstance(node, nodes.Getitem):
            return not isinstance(node.arg, nodes.Slice)
        if isinstance(node, nodes.Filter):
            given = [node.node, *node.args, *(k.value for k in node.kwargs)]
            return all(map(self._is_one, given)) if node.name in ("d", "default") else node.name not in _MAKE_LISTS
        if isinstance(node, nodes.Add | nodes.And | nodes.Or):
            sides = self._is_one(node.left), self._is_one(node.right)
            return any(sides) if isinstance(node, nodes.Add) else all(sides)  # only a list is added to a list
        if isinstance(node, nodes.CondExpr):
            return self._is_one(node.expr1) and self._is_one(node.expr2)
        return node is None or isinstance(node, _ONE_VALUE)


def _with(name: str, node: nodes.Node, *args: nodes.Expr) -> nodes.Filter:
    return nodes.Filter(cast("nodes.Expr", node), name, list(args), [], None, None, lineno=node.lineno)


def _within(node: nodes.List | nodes.Tuple | nodes.Dict) -> list[nodes.Expr]:
    return [n for p in node.items for n in (p.key, p.value)] if isinstance(node, nodes.Dict) else node.items


def _is_list(node: nodes.Node) -> bool:
    return isinstance(node, nodes.List | nodes.Dict) or (isinstance(node, nodes.Tuple) and node.ctx == "load")


def _attributes(node: nodes.Filter) -> list[nodes.Expr]:
    at = _ATTRIBUTE_AT.get(node.name)
    named = [k.value for k in node.kwargs if k.key == "attribute"]
    return named if at is None else [*named, *node.args[at : at + 1]]


def _is_attribute(node: nodes.Expr) -> bool:
    """One name or number: `sort` would take a hundred, with dots in them, for each item."""
    if not isinstance(node, nodes.Const):
        return False
    value = node.value
    plain = isinstance(value, str) and value.isidentifier() and value[0] != "_" and len(value) <= _MAX_ATTRIBUTE
    return plain or value is None or isinstance(value, int)
