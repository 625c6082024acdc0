"""What of a load is judged: the query of a record's batch, with a column for each rule of its contract."""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import Decimal

from psycopg import sql

from marketflow.sources import LISTS, Column, Contract, Rule

TOTALS_DIFFER = "totals differ from the lines"
_WORD = re.compile(r"'[^']*'|\b[a-z_][a-z_0-9]*\b")
# Of a list: the condition that none of its values is out of bounds, and a value that is, if one is.
_BOUNDED = (
    sql.SQL("{low} <= ALL({list}) AND {high} >= ALL({list})"),
    sql.SQL("CASE WHEN min(w.value) < {low} THEN min(w.value) ELSE max(w.value) END"),
)
_SHORT = (
    sql.SQL("octet_length(array_to_string({list}, '')) <= {length}"),
    sql.SQL("repeat('x', max(length(w.value)))"),
)
_TOTALS = sql.SQL(
    "(o.line_count, o.amount, o.discount) IS DISTINCT FROM (count(*), sum(r.amount),"
    " coalesce(sum(r.retail_discount), 0) + coalesce(sum(r.coupon_discount), 0))"
)


def is_hidden(column: Column) -> bool:
    """Personal, or a hash: no result and no page may show a value."""
    return column.personal is not None or column.kind == "key"


def judged_columns(contract: Contract) -> list[str]:
    """The columns of the batch: none that is hidden."""
    shown = [c.target for c in contract.columns if not is_hidden(c)]
    return shown + [c.refusal_target for c in contract.columns if c.refusal_target]


def judged_rules(contract: Contract) -> list[Rule]:
    """The rules that can be held against raw: not those about personal columns, which raw holds encrypted."""
    hidden = {c.name for c in contract.columns if is_hidden(c)}
    return [r for r in contract.rules if not hidden & _words(r)]


def judged_rows(contract: Contract, load_id: int) -> sql.Composed:
    """The query of the batch: the judged columns, and for each rule a column: TRUE where the row breaks it, else NULL.

    Lines of orders are judged order by order, as raw keeps them: what the lines have in common, and of each other
    column one value, which is out of bounds if any is. A column more is TRUE where an order's totals are not those of
    its lines.
    """
    return _orders(contract, load_id) if contract.is_bulk else _records(contract, load_id)


def _records(contract: Contract, load_id: int) -> sql.Composed:
    """Rules speak of the contract's own names, so the columns go by these inside."""
    names = {c.target: c.name for c in contract.columns}
    judged = [(t, names.get(t, t)) for t in judged_columns(contract)]
    outer = [_as(sql.Identifier(name), target) for target, name in judged]
    outer += [_flag(sql.SQL(rule.broken), rule.reason) for rule in judged_rules(contract)]
    return sql.SQL("SELECT {} FROM (SELECT {} FROM {} WHERE load_id = {}) AS r").format(
        _listed(outer), _listed([_as(sql.Identifier(target), name) for target, name in judged]),
        sql.Identifier(*contract.table.split(".")), sql.Literal(load_id),
    )  # fmt: skip


def _orders(contract: Contract, load_id: int) -> sql.Composed:
    lines = [c for c in contract.columns if c.target in LISTS]
    common = [c for c in contract.columns if c.target not in LISTS]
    rules = judged_rules(contract)
    named = set().union(*map(_words, rules))
    line = [_as(sql.SQL("unnest({})").format(_list(c)), c.name) for c in lines if c.kind == "number"]
    line += [_as(_of_order(c.target), c.name) for c in common if c.name in named]
    found = [_flag(sql.SQL("bool_or({})").format(sql.SQL(rule.broken)), rule.reason) for rule in rules]
    shown = [*(_of_order(c.target) for c in common), *(_as(_worst(c), c.target) for c in lines)]
    return sql.SQL(
        "SELECT {}, l.* FROM {} AS o CROSS JOIN LATERAL (SELECT {} FROM (SELECT {}) AS r) AS l WHERE o.load_id = {}"
    ).format(
        _listed(shown), sql.Identifier(*contract.stored_in.split(".")),
        _listed([*found, _flag(_TOTALS, TOTALS_DIFFER)]), _listed(line), sql.Literal(load_id),
    )  # fmt: skip


def _worst(column: Column) -> sql.Composed:
    """Of the lines' values one that is out of bounds, if any is; none if one is missing. Without a list its default.

    Of texts one as long as the longest, which is all that is judged of them. Hardly ever is a list opened for it.
    """
    bounds = {"list": _list(column), "low": column.minimum, "high": column.maximum, "length": column.max_length}
    fine, worst = _BOUNDED if column.kind == "number" else _SHORT
    default = None if column.default is None else Decimal(column.default)
    return sql.SQL(
        "CASE WHEN {list} IS NULL THEN {default} WHEN num_nulls(VARIADIC {list}) = 0 THEN"
        " CASE WHEN {fine} THEN {list}[1] ELSE (SELECT {worst} FROM unnest({list}) AS w (value)) END END"
    ).format(list=_list(column), default=default, fine=fine.format(**bounds), worst=worst.format(**bounds))


def _flag(broken: sql.Composable, reason: str) -> sql.Composed:
    """A rule's words are a contract's: code, not input."""
    return _as(sql.SQL("nullif({}, FALSE)").format(broken), reason)


def _as(what: sql.Composable, name: str) -> sql.Composed:
    return sql.SQL("{} AS {}").format(what, sql.Identifier(name))


def _of_order(target: str) -> sql.Identifier:
    return sql.Identifier("o", target)


def _list(column: Column) -> sql.Identifier:
    return _of_order(LISTS[column.target])


def _listed(parts: Sequence[sql.Composable]) -> sql.Composed:
    return sql.SQL(", ").join(parts)


def _words(rule: Rule) -> set[str]:
    return set(_WORD.findall(rule.broken))
