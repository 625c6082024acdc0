"""From a contract: the expectations that a batch in raw is held against, each with its severity."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection
from typing import Any

from marketflow.quality.rows import TOTALS_DIFFER, is_hidden, judged_rules
from marketflow.sources import EARLIEST, Column, Contract

STOP, WARN = "critical", "warning"  # Great Expectations' words for a failure that stops, and one that is told
_GOOD_ADDRESSES = 0.95  # share of records whose address was not refused, below which people are told


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
        if not is_hidden(column):
            found += _of_column(gxe, column, latest)
        if column.refusal_target:
            found.append(
                gxe.ExpectColumnValuesToBeNull(column=column.refusal_target, mostly=_GOOD_ADDRESSES, severity=WARN)
            )
    # The batch has a column for each rule, named for what is wrong.
    wrong = [r.reason for r in judged_rules(contract)] + ([TOTALS_DIFFER] if contract.is_bulk else [])
    return found + [gxe.ExpectColumnValuesToBeNull(column=reason, severity=STOP) for reason in wrong]


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
