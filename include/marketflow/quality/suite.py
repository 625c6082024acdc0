"""From a contract: the expectations that a batch in raw is held against, each with its severity."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Collection
from typing import Any

from psycopg import sql

from marketflow.sources import EARLIEST, Column, Contract, Rule

STOP, WARN = "critical", "warning"  # Great Expectations' words for a failure that stops, and one that is told
_GOOD_ADDRESSES = 0.95  # share of records whose address was not refused, below which people are told
_WORD = re.compile(r"'[^']*'|\b[a-z_][a-z_0-9]*\b")


def judged_columns(contract: Contract) -> list[str]:
    """The columns of the batch: none that is personal or a hash, so that no result or page can show a value."""
    shown = [c.target for c in contract.columns if not _hidden(c)]
    return shown + [c.refusal_target for c in contract.columns if c.refusal_target]


def judged_rules(contract: Contract) -> list[Rule]:
    """The rules that can be held against raw: not those about personal columns, which raw holds encrypted."""
    hidden = {c.name for c in contract.columns if _hidden(c)}
    return [r for r in contract.rules if not hidden & set(_WORD.findall(r.broken))]


def judged_rows(contract: Contract, load_id: int) -> sql.Composed:
    """The query of the batch: the judged columns, and for each rule a column: TRUE where the row breaks it, else NULL.

    Rules speak of the contract's own names, so the columns go by these inside.
    """
    judged = judged_columns(contract)
    names = {c.target: c.name for c in contract.columns}
    inner = [sql.SQL("{} AS {}").format(sql.Identifier(t), sql.Identifier(names.get(t, t))) for t in judged]
    outer = [sql.SQL("{} AS {}").format(sql.Identifier(names.get(t, t)), sql.Identifier(t)) for t in judged]
    for rule in judged_rules(contract):
        broken = sql.SQL(rule.broken)  # words of a contract: code, not input
        outer.append(sql.SQL("nullif({}, FALSE) AS {}").format(broken, sql.Identifier(rule.reason)))
    return sql.SQL("SELECT {} FROM (SELECT {} FROM {} WHERE load_id = {}) AS r").format(
        sql.SQL(", ").join(outer), sql.SQL(", ").join(inner),
        sql.Identifier(*contract.table.split(".")), sql.Literal(load_id),
    )  # fmt: skip


def expectations(contract: Contract, latest: dt.datetime, brought: Collection[str] | None = None) -> list[Any]:
    """The suite of a record; `latest` is the first instant that is too far in the future.

    `brought`: the columns that the source maps (None: all). The others hold nothing, or the contract's default, and
    to look at that in each row costs as much as to look at what may be wrong.
    """
    from great_expectations import expectations as module

    gxe: Any = module
    found: list[Any] = [gxe.ExpectTableRowCountToBeBetween(min_value=1, severity=WARN)]
    for column in contract.columns:
        if brought is not None and column.name not in brought:
            continue
        if not _hidden(column):
            found += _of_column(gxe, column, latest)
        if column.refusal_target:
            found.append(
                gxe.ExpectColumnValuesToBeNull(column=column.refusal_target, mostly=_GOOD_ADDRESSES, severity=WARN)
            )
    # The batch has a column for each rule, named for what is wrong.
    return found + [gxe.ExpectColumnValuesToBeNull(column=r.reason, severity=STOP) for r in judged_rules(contract)]


def _hidden(column: Column) -> bool:
    return column.personal is not None or column.kind == "key"


def _of_column(gxe: Any, column: Column, latest: dt.datetime) -> list[Any]:
    found: list[Any] = []
    name = column.target
    if column.required or column.default is not None:
        found.append(gxe.ExpectColumnValuesToNotBeNull(column=name, severity=STOP))
    low, high = _bounds(column, latest)
    if low is not None or high is not None:
        found.append(gxe.ExpectColumnValuesToBeBetween(column=name, min_value=low, max_value=high, severity=STOP))
    if column.allowed:
        found.append(gxe.ExpectColumnValuesToBeInSet(column=name, value_set=list(column.allowed), severity=STOP))
    elif column.kind in ("text", "zone"):
        # A pattern is not held against the batch again: the loader's SQL proved it, and it costs a third of all the
        # rest together.
        found.append(gxe.ExpectColumnValueLengthsToBeBetween(column=name, max_value=column.max_length, severity=STOP))
    if column.unique == "warn":
        found.append(gxe.ExpectColumnValuesToBeUnique(column=name, severity=WARN))
    return found


def _bounds(column: Column, latest: dt.datetime) -> tuple[Any, Any]:
    """Between what a number, instant or day must lie; what the type of the column proves needs no bounds."""
    if column.kind == "number":
        return _exact(column.minimum), _exact(column.maximum)
    if column.kind == "instant":
        return EARLIEST, latest if column.past else None
    if column.kind == "day" and column.past:
        return None, latest.date()
    return None, None


def _exact(value: Any) -> Any:
    """A bound in a type that Great Expectations can write into its pages."""
    if value is None:
        return None
    return int(value) if value == int(value) else float(value)
