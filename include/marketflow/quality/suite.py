"""From a contract: the expectations that a batch in raw is held against, each with its severity."""

from __future__ import annotations

import datetime as dt
from typing import Any

from marketflow.sources import EARLIEST, Column, Contract

STOP, WARN = "critical", "warning"  # Great Expectations' words for a failure that stops, and one that is told
_GOOD_ADDRESSES = 0.95  # share of records whose address was not refused, below which people are told


def judged_columns(contract: Contract) -> list[str]:
    """The columns of the batch: no personal one, so that no result or page can show a value of theirs."""
    extra = ["email_refusal"] if contract.has_email else []
    return [c.target for c in contract.columns if not c.personal] + extra


def expectations(contract: Contract, latest: dt.datetime) -> list[Any]:
    """The suite of a record; `latest` is the first instant that is too far in the future."""
    from great_expectations import expectations as module

    gxe: Any = module
    found: list[Any] = [gxe.ExpectTableRowCountToBeBetween(min_value=1, severity=WARN)]
    for column in contract.columns:
        if not column.personal:
            found += _of_column(gxe, column, latest)
    if contract.has_email:
        found.append(gxe.ExpectColumnValuesToBeNull(column="email_refusal", mostly=_GOOD_ADDRESSES, severity=WARN))
    return found


def _of_column(gxe: Any, column: Column, latest: dt.datetime) -> list[Any]:
    found: list[Any] = []
    name = column.target
    if column.required or column.default is not None:
        found.append(gxe.ExpectColumnValuesToNotBeNull(column=name, severity=STOP))
    if column.kind == "number":
        low, high = (None if v is None else int(v) for v in (column.minimum, column.maximum))
        found.append(gxe.ExpectColumnValuesToBeBetween(column=name, min_value=low, max_value=high, severity=STOP))
    if column.kind == "instant":
        found.append(
            gxe.ExpectColumnValuesToBeBetween(column=name, min_value=EARLIEST, max_value=latest, severity=STOP)
        )
    if column.kind == "text":
        found.append(_of_text(gxe, column))
    if column.unique == "warn":
        found.append(gxe.ExpectColumnValuesToBeUnique(column=name, severity=WARN))
    return found


def _of_text(gxe: Any, column: Column) -> Any:
    if column.allowed:
        return gxe.ExpectColumnValuesToBeInSet(column=column.target, value_set=list(column.allowed), severity=STOP)
    if column.pattern:
        return gxe.ExpectColumnValuesToMatchRegex(column=column.target, regex=f"^(?:{column.pattern})$", severity=STOP)
    return gxe.ExpectColumnValueLengthsToBeBetween(column=column.target, max_value=column.max_length, severity=STOP)
