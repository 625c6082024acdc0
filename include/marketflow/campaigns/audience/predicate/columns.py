"""Columns, comparisons and what joins them: what is not on the list of parts cannot be said."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from decimal import Decimal
from typing import TYPE_CHECKING

from psycopg import sql

from marketflow.campaigns.audience.predicate.about import About
from marketflow.campaigns.audience.predicate.events import Events
from marketflow.campaigns.audience.predicate.parse import AudienceRefused, ands, is_everybody, name_of, only, parse
from marketflow.campaigns.audience.predicate.parts import is_true
from marketflow.campaigns.audience.predicate.segments import check_segments

if TYPE_CHECKING:
    from sqlglot import exp

_NUMBER = re.compile(r"\d{1,18}(?:\.\d{1,18})?")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_ALLOWED = (
    "columns of marts.customer_360, numbers, 'texts', true, false, null, date '2017-12-31', = <> < <= > >= + -, "
    "AND, OR, NOT, IN, BETWEEN, LIKE, IS NULL, lower(), upper(), coalesce(), "
    "did(), in_segment(), got_campaign(), everybody()"
)
# sqlglot's node: our fragment
_INFIX = {
    "EQ": sql.SQL("="), "NEQ": sql.SQL("<>"), "GT": sql.SQL(">"),
    "GTE": sql.SQL(">="), "LT": sql.SQL("<"), "LTE": sql.SQL("<="), "Add": sql.SQL("+"), "Sub": sql.SQL("-"),
    "Like": sql.SQL("LIKE"),
}  # fmt: skip
_JOINS = {"And": sql.SQL("AND"), "Or": sql.SQL("OR")}
_PREFIX = {"Neg": sql.SQL("-"), "Paren": sql.SQL("")}
_FUNCTIONS = {"Lower": sql.SQL("lower"), "Upper": sql.SQL("upper"), "Coalesce": sql.SQL("coalesce")}


def compile_predicate(text: str, columns: Sequence[str], about: About) -> sql.Composable:
    """The condition `text` over `columns` (of marts.customer_360) as a fragment of SQL. Raises AudienceRefused."""
    tree = parse(text)
    if is_true(tree):
        return sql.SQL("true")
    try:
        parts = [part for part in ands(tree) if not is_everybody(part)]
        if len(parts) < len(list(ands(tree))):
            made = [sql.SQL("true"), *map(_Compiler(columns, about).condition, parts)]
            return sql.SQL("({})").format(sql.SQL(" AND ").join(made))
        return _Compiler(columns, about).condition(tree)
    except RecursionError:
        raise AudienceRefused("the condition is nested too deeply") from None


class _Compiler:
    def __init__(self, columns: Sequence[str], about: About) -> None:
        self.columns, self.about, self.events = list(columns), about, Events(about)

    def condition(self, node: exp.Expr) -> sql.Composable:
        """A node that is true or false of a customer; refused when it is the same for all of them, such as 1 = 1."""
        made = self.compile(node)
        if not any(type(n).__name__ in ("Column", "Anonymous") for n in node.walk()):
            raise AudienceRefused(
                f"{node.sql(dialect='postgres')[:60]!r} says nothing about a customer: it is the same for all; "
                "write everybody() when all are meant"
            )
        return made

    def compile(self, node: exp.Expr) -> sql.Composable:
        """One node, always in brackets, so that our precedence is the tree's."""
        kind = type(node).__name__
        if kind in _JOINS:
            only(node, "this", "expression")
            return sql.SQL("({} {} {})").format(
                self._condition(node, "this"), _JOINS[kind], self._condition(node, "expression")
            )
        if kind == "Not":
            only(node, "this")
            return sql.SQL("(NOT {})").format(self._condition(node, "this"))
        if kind in _INFIX:
            only(node, "this", "expression")
            check_segments(node, self.about)
            return sql.SQL("({} {} {})").format(self._part(node, "this"), _INFIX[kind], self._part(node, "expression"))
        if kind in _PREFIX:
            only(node, "this")
            return sql.SQL("({} {})").format(_PREFIX[kind], self._part(node, "this"))
        return self._other(node, kind)

    def _other(self, node: exp.Expr, kind: str) -> sql.Composable:
        if kind in _FUNCTIONS:
            only(node, "this", "expressions")
            return sql.SQL("{}({})").format(_FUNCTIONS[kind], self._list([node.this, *node.expressions]))
        special = {
            "Column": self._column, "Literal": self._literal, "Boolean": self._boolean, "Null": self._null,
            "In": self._in, "Between": self._between, "Is": self._is, "Cast": self._date,
            "Anonymous": self.events.compile,
        }  # fmt: skip
        if kind not in special:
            raise AudienceRefused(f"{name_of(node)} is not allowed in a condition; allowed are: {_ALLOWED}")
        return special[kind](node)

    def _condition(self, node: exp.Expr, arg: str) -> sql.Composable:
        part = node.args.get(arg)
        if part is None:
            raise AudienceRefused(f"{name_of(node)} lacks one side")
        return self.condition(part)

    def _part(self, node: exp.Expr, arg: str) -> sql.Composable:
        part = node.args.get(arg)
        if part is None:
            raise AudienceRefused(f"{name_of(node)} lacks one side")
        return self.compile(part)

    def _list(self, nodes: Sequence[exp.Expr]) -> sql.Composable:
        return sql.SQL(", ").join([self.compile(n) for n in nodes])

    def _column(self, node: exp.Expr) -> sql.Composable:
        only(node, "this")
        name = node.name if node.this.args.get("quoted") else node.name.lower()
        if name not in self.columns:
            close = difflib.get_close_matches(name, self.columns, n=1, cutoff=0.5)
            hint = f"did you mean {close[0]!r}?" if close else f"it has {', '.join(self.columns)}"
            raise AudienceRefused(f"marts.customer_360 has no column {name!r}; {hint}")
        return sql.Identifier(name)

    def _literal(self, node: exp.Expr) -> sql.Composable:
        if node.is_string:
            return sql.Literal(node.name)
        if not _NUMBER.fullmatch(node.name):
            raise AudienceRefused(f"{node.name[:30]!r} is not a number that can be used here")
        return sql.Literal(Decimal(node.name) if "." in node.name else int(node.name))

    @staticmethod
    def _boolean(node: exp.Expr) -> sql.Composable:
        return sql.SQL("true") if node.this else sql.SQL("false")

    @staticmethod
    def _null(_node: exp.Expr) -> sql.Composable:
        return sql.SQL("null")

    def _in(self, node: exp.Expr) -> sql.Composable:
        if node.args.get("query"):
            raise AudienceRefused("a query inside a condition is not allowed; list the values: segment IN ('a', 'b')")
        only(node, "this", "expressions")
        check_segments(node, self.about)
        return sql.SQL("({} IN ({}))").format(self._part(node, "this"), self._list(node.expressions))

    def _between(self, node: exp.Expr) -> sql.Composable:
        only(node, "this", "low", "high")
        return sql.SQL("({} BETWEEN {} AND {})").format(*(self._part(node, a) for a in ("this", "low", "high")))

    def _is(self, node: exp.Expr) -> sql.Composable:
        only(node, "this", "expression", "negate")
        if type(node.expression).__name__ not in ("Null", "Boolean"):
            raise AudienceRefused("IS goes with NULL, TRUE or FALSE")
        verb = sql.SQL("IS NOT") if node.args.get("negate") else sql.SQL("IS")
        return sql.SQL("({} {} {})").format(self._part(node, "this"), verb, self._part(node, "expression"))

    def _date(self, node: exp.Expr) -> sql.Composable:
        only(node, "this", "to")
        value, kind = node.this, node.args["to"]
        is_date = str(getattr(kind.this, "value", kind.this)).upper() == "DATE"
        if not (is_date and type(value).__name__ == "Literal" and value.is_string and _DATE.fullmatch(value.name)):
            raise AudienceRefused("the only conversion allowed is a date: date '2017-12-31'")
        return sql.SQL("{}::date").format(sql.Literal(value.name))
