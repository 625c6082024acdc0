"""A marketer's condition, parsed by sqlglot and made anew from an allow-list: what is not on the list cannot be said.

The statement that runs is composed of our own fragments, quoted identifiers and quoted literals; no piece of the text
that the marketer wrote gets into it.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from decimal import Decimal
from typing import TYPE_CHECKING

from psycopg import sql

from marketflow.shared import MarketflowError

if TYPE_CHECKING:
    from sqlglot import exp

_MAX_TEXT = 4_000
_NUMBER = re.compile(r"\d{1,18}(?:\.\d{1,18})?")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_ALLOWED = (
    "columns of marts.customer_360, numbers, 'texts', true, false, null, date '2017-12-31', = <> < <= > >= + -, "
    "AND, OR, NOT, IN, BETWEEN, LIKE, IS NULL, lower(), upper(), coalesce()"
)
# sqlglot's node: our fragment
_INFIX = {
    "And": sql.SQL("AND"), "Or": sql.SQL("OR"), "EQ": sql.SQL("="), "NEQ": sql.SQL("<>"), "GT": sql.SQL(">"),
    "GTE": sql.SQL(">="), "LT": sql.SQL("<"), "LTE": sql.SQL("<="), "Add": sql.SQL("+"), "Sub": sql.SQL("-"),
    "Like": sql.SQL("LIKE"),
}  # fmt: skip
_PREFIX = {"Not": sql.SQL("NOT"), "Neg": sql.SQL("-"), "Paren": sql.SQL("")}
_FUNCTIONS = {"Lower": sql.SQL("lower"), "Upper": sql.SQL("upper"), "Coalesce": sql.SQL("coalesce")}


class AudienceRefused(MarketflowError):
    """The condition says something that it may not, or cannot be evaluated; the message says what and what is meant."""


def compile_predicate(text: str, columns: Sequence[str]) -> sql.Composable:
    """The condition `text` over `columns` (of marts.customer_360) as a fragment of SQL. Raises AudienceRefused."""
    tree = _parse(text)
    try:
        return _Compiler(columns).compile(tree)
    except RecursionError:
        raise AudienceRefused("the condition is nested too deeply") from None


def _parse(text: str) -> exp.Expr:
    import sqlglot  # 0.1 s, and not needed where definitions are only read
    from sqlglot.errors import SqlglotError

    if len(text) > _MAX_TEXT or "\0" in text:
        raise AudienceRefused(f"the condition is longer than {_MAX_TEXT} characters or holds a zero byte")
    try:
        tokens = sqlglot.tokenize(text, read="postgres")
        parsed = sqlglot.parse(text, read="postgres")
    except SqlglotError as error:
        raise AudienceRefused(f"the condition cannot be read{_place(error)}") from None
    except RecursionError:
        raise AudienceRefused("the condition is nested too deeply") from None
    if any(t.comments for t in tokens):
        raise AudienceRefused("comments are not part of a condition")
    if len(parsed) != 1 or parsed[0] is None:
        raise AudienceRefused("give exactly one condition, without a semicolon")
    return parsed[0]


def _place(error: Exception) -> str:
    details = getattr(error, "errors", None) or [{}]
    line, column, near = (details[0].get(k) for k in ("line", "col", "highlight"))
    return f" at line {line}, column {column}, near {near!r}" if line else ""


class _Compiler:
    def __init__(self, columns: Sequence[str]) -> None:
        self.columns = list(columns)

    def compile(self, node: exp.Expr) -> sql.Composable:
        """One node, always in brackets, so that our precedence is the tree's."""
        kind = type(node).__name__
        if kind in _INFIX:
            self._only(node, "this", "expression")
            return sql.SQL("({} {} {})").format(self._part(node, "this"), _INFIX[kind], self._part(node, "expression"))
        if kind in _PREFIX:
            self._only(node, "this")
            return sql.SQL("({} {})").format(_PREFIX[kind], self._part(node, "this"))
        if kind in _FUNCTIONS:
            self._only(node, "this", "expressions")
            return sql.SQL("{}({})").format(_FUNCTIONS[kind], self._list([node.this, *node.expressions]))
        special = {
            "Column": self._column, "Literal": self._literal, "Boolean": self._boolean, "Null": self._null,
            "In": self._in, "Between": self._between, "Is": self._is, "Cast": self._date,
        }  # fmt: skip
        if kind not in special:
            raise AudienceRefused(f"{_name_of(node)} is not allowed in a condition; allowed are: {_ALLOWED}")
        return special[kind](node)

    def _part(self, node: exp.Expr, arg: str) -> sql.Composable:
        part = node.args.get(arg)
        if part is None:
            raise AudienceRefused(f"{_name_of(node)} lacks one side")
        return self.compile(part)

    def _list(self, nodes: Sequence[exp.Expr]) -> sql.Composable:
        return sql.SQL(", ").join([self.compile(n) for n in nodes])

    @staticmethod
    def _only(node: exp.Expr, *args: str) -> None:
        """Refuse a node with parts that we would drop: what it means must be what we make of it."""
        more = sorted(k for k, v in node.args.items() if v and k not in args)
        if more:
            raise AudienceRefused(f"{_name_of(node)} with {', '.join(more)} is not allowed in a condition")

    def _column(self, node: exp.Expr) -> sql.Composable:
        self._only(node, "this")
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
        self._only(node, "this", "expressions")
        return sql.SQL("({} IN ({}))").format(self._part(node, "this"), self._list(node.expressions))

    def _between(self, node: exp.Expr) -> sql.Composable:
        self._only(node, "this", "low", "high")
        return sql.SQL("({} BETWEEN {} AND {})").format(*(self._part(node, a) for a in ("this", "low", "high")))

    def _is(self, node: exp.Expr) -> sql.Composable:
        self._only(node, "this", "expression", "negate")
        if type(node.expression).__name__ not in ("Null", "Boolean"):
            raise AudienceRefused("IS goes with NULL, TRUE or FALSE")
        verb = sql.SQL("IS NOT") if node.args.get("negate") else sql.SQL("IS")
        return sql.SQL("({} {} {})").format(self._part(node, "this"), verb, self._part(node, "expression"))

    def _date(self, node: exp.Expr) -> sql.Composable:
        self._only(node, "this", "to")
        value, kind = node.this, node.args["to"]
        is_date = str(getattr(kind.this, "value", kind.this)).upper() == "DATE"
        if not (is_date and type(value).__name__ == "Literal" and value.is_string and _DATE.fullmatch(value.name)):
            raise AudienceRefused("the only conversion allowed is a date: date '2017-12-31'")
        return sql.SQL("{}::date").format(sql.Literal(value.name))


def _name_of(node: exp.Expr) -> str:
    kind = type(node).__name__
    if kind == "Anonymous":
        return f"the function {node.name[:40]!r}"
    if kind in ("Select", "Subquery", "Exists", "Union"):
        return "a query inside a condition"
    return kind.upper()
