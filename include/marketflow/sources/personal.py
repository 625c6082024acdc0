"""Turns the fields of a record into a row for staging: personal values are encrypted here, before any table."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from marketflow.privacy import EMAIL, AddressRefused, KeyRing, normalise_email
from marketflow.sources.contracts import Contract

Row = list[str | bytes | None]
Bad = tuple[str, str]  # column, reason


def row_maker(contract: Contract, header: Sequence[str], keys: KeyRing) -> Callable[[Sequence[str]], Row | Bad]:
    """A function from a record's fields, in the file's order, to the staged values, in the contract's.

    The result is a tuple (column, reason) instead when a personal value breaks its rule: SQL could not judge it.
    """
    places = [(header.index(c.name), c) for c in contract.columns]
    if not contract.has_personal_data:
        return lambda fields: [fields[i] or c.default for i, c in places]

    def make(fields: Sequence[str]) -> Row | Bad:
        row: Row = []
        address: Row = []
        for place, column in places:
            value = fields[place] or column.default
            if column.personal is None or value is None:
                row.append(value)
            elif len(value) > column.max_length:
                return column.name, f"{column.name} is longer than {column.max_length} characters"
            elif column.personal == EMAIL:
                cipher, *address = _address(value, keys)
                row.append(cipher)
            else:
                row.append(keys.encrypt(value, column.personal))
        return row + (address or [None, None])

    return make


def _address(value: str, keys: KeyRing) -> Row:
    """(encrypted, keyed hash, refusal): a bad address does not refuse its record."""
    try:
        address = normalise_email(value)
    except AddressRefused as refused:
        return [None, None, refused.reason]
    return [keys.encrypt(address, EMAIL), keys.keyed_hash(address), None]
