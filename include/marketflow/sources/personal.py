"""Personal columns of good rows: normalised, encrypted, hashed here, before any table sees them.

What is normalised or hashed is done once per distinct value of a block; every row gets a cipher text of its own, so
that equal names do not show.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from marketflow.privacy import EMAIL, PHONE, AddressRefused, KeyRing, normalise_email, normalise_phone
from marketflow.sources.contracts import Column

if TYPE_CHECKING:
    import pyarrow as pa

Address = tuple[str | None, bytes | None, str | None]  # normalised, keyed hash, refusal code


def personal_columns(
    column: Column, values: pa.ChunkedArray, countries: Sequence[str | None], keys: KeyRing
) -> dict[str, pa.Array]:
    """The columns in raw that are made of a personal one, or of a `key`.

    `countries`: of each row, where a telephone number without a country's prefix is from.
    """
    import pyarrow as pa

    texts = values.to_pylist()
    hashed = _each(lambda text: keys.keyed_hash(text.strip()))
    if column.kind == "key":
        return {column.target: pa.array([hashed(t) for t in texts], pa.binary())}
    if column.refusal_target is None:
        hashes = {column.hash_target: pa.array([hashed(t) for t in texts], pa.binary())} if column.hash_target else {}
        return {column.target: _encrypted(texts, column.personal or "", keys), **hashes}
    found = _addresses(column, texts, countries, keys)
    return {
        column.target: _encrypted([address for address, _, _ in found], column.personal or "", keys),
        column.hash_target or "": pa.array([digest for _, digest, _ in found], pa.binary()),
        column.refusal_target: pa.array([refusal for _, _, refusal in found], pa.string()),
    }


def _addresses(
    column: Column, texts: Sequence[str | None], countries: Sequence[str | None], keys: KeyRing
) -> list[Address]:
    known: dict[tuple[str | None, str | None], Address] = {(None, None): (None, None, None)}
    found = []
    for text, country in zip(texts, countries, strict=True):
        key = (text, country if column.personal == PHONE and text is not None else None)
        if key not in known:
            known[key] = (None, None, None) if text is None else _address(column, text, country, keys)
        found.append(known[key])
    return found


def _address(column: Column, text: str, country: str | None, keys: KeyRing) -> Address:
    """A bad address does not refuse its record."""
    try:
        address = normalise_email(text) if column.personal == EMAIL else normalise_phone(text, country)
    except AddressRefused as refused:
        return None, None, refused.reason
    return address, keys.keyed_hash(address), None


def _encrypted(texts: Sequence[str | None], context: str, keys: KeyRing) -> pa.Array:
    import pyarrow as pa

    return pa.array([None if t is None else keys.encrypt(t, context) for t in texts], pa.binary())


def _each(make: Callable[[str], bytes]) -> Callable[[str | None], bytes | None]:
    """`make`, once per distinct value; an absent value stays absent."""
    known: dict[str | None, bytes | None] = {None: None}

    def known_or_made(text: str | None) -> bytes | None:
        if text is not None and text not in known:
            known[text] = make(text)
        return known[text]

    return known_or_made
