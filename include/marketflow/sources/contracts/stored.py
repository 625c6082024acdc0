"""As which type of PostgreSQL each column of a record stands in raw.

Binary COPY converts nothing: who writes it must know. A test (test_binary.py) holds this against the tables.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from types import MappingProxyType
from typing import Literal

from marketflow.sources.contracts.model import Column, Contract, Kind

Type = Literal["bigint", "boolean", "bytea", "date", "integer", "jsonb", "numeric", "smallint", "text", "timestamptz"]

# What each line of an order says for itself, and the list in which that stands when the order is one row.
LISTS = {
    "record_no": "record_nos", "product_ref": "product_refs", "quantity": "quantities", "amount": "amounts",
    "retail_discount": "retail_discounts", "coupon_discount": "coupon_discounts",
}  # fmt: skip

_TYPES: dict[Kind, Type] = {
    "text": "text", "number": "numeric", "instant": "timestamptz", "day": "date", "flag": "boolean", "zone": "text",
    "json": "jsonb", "key": "bytea",
}  # fmt: skip


@dataclass(frozen=True)
class Stored:
    """A type; `scale`: decimals of a numeric, as many as its column in the table has. `many`: an array of it."""

    type: Type
    scale: int = 0
    many: bool = False


@cache
def stored_as(contract: Contract) -> Mapping[str, Stored]:
    """By column of the contract's table in raw: where a row is from, then what it says."""
    found = {"load_id": Stored("bigint"), "file_id": Stored("bigint"), "record_no": Stored("integer")}
    for column in contract.columns:
        found[column.target] = _stored(column)
        if column.hash_target:
            found[column.hash_target] = Stored("bytea")
        if column.refusal_target:
            found[column.refusal_target] = Stored("text")
    return MappingProxyType(found)


@cache
def folded_as(contract: Contract) -> Mapping[str, Stored]:
    """The same of a bulk contract's table of orders, which `mapping.fold` makes of lines."""
    found = dict(stored_as(contract))
    for line, several in LISTS.items():
        found[several] = replace(found[line], many=True)
    whole = {"first_no": Stored("integer"), "line_count": Stored("integer"), "discount": Stored("numeric", 2)}
    return MappingProxyType(found | whole)


def _stored(column: Column) -> Stored:
    return Stored("bytea") if column.personal else Stored(_TYPES[column.kind], column.decimals)
