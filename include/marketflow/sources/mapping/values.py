"""Values of each type as PostgreSQL's receive functions take them, by vectors.

Sources: PostgreSQL's src/backend/utils/adt, textrecv, bytearecv, jsonb_recv, numeric_recv, timestamptz_recv, date_recv,
boolrecv, int2recv, int4recv and int8recv. A value that cannot be given so raises OverflowError, without its words.
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

from marketflow.sources.contracts.stored import Stored

if TYPE_CHECKING:
    import pyarrow as pa

Fields = list[tuple[str, Any]]  # NumPy's code of a big-endian type, and values: one for all rows, or one for each

_EPOCH = dt.date(2000, 1, 1)  # PostgreSQL's; Arrow's is 1970
_DAYS = (_EPOCH - dt.date(1970, 1, 1)).days
_FIRST, _LAST = (dt.date.min - _EPOCH).days, (dt.date.max - _EPOCH).days  # infinity and the like are beyond
_DAY = 86_400_000_000  # microseconds
_INTEGERS = {"smallint": 16, "integer": 32, "bigint": 64}
_NEGATIVE = 0x4000  # numeric's sign
_BASE, _BASE_DIGITS = 10_000, 4  # numeric's digits are groups of four
_JSONB_VERSION = b"\x01"


def is_varying(stored: Stored) -> bool:
    """Are values of the type of any length? Then `text_of` makes them, else `fields_of`."""
    return stored.type in ("text", "bytea", "jsonb")


def text_of(column: pa.Array, stored: Stored) -> pa.Array:
    """Bytes of a text, which Arrow has as UTF-8; of jsonb, its version comes first."""
    import pyarrow as pa
    import pyarrow.compute as pc

    _expect(column, stored, is_right=column.type == (pa.binary() if stored.type == "bytea" else pa.string()))
    data = column.cast(pa.binary())
    return pc.binary_join_element_wise(_JSONB_VERSION, data, b"") if stored.type == "jsonb" else data


def fields_of(column: pa.Array, stored: Stored) -> Fields:
    """What a value of fixed width consists of; without nulls, at least one value."""
    import pyarrow as pa

    form = column.type
    if stored.type == "numeric":
        _expect(column, stored, is_right=pa.types.is_decimal128(form) and form.scale == stored.scale)
        return _numeric(_unscaled(column), stored.scale)
    if stored.type == "timestamptz":
        _expect(column, stored, is_right=pa.types.is_timestamp(form) and form.unit == "us")
        return [(">i8", _moved(column.cast(pa.int64()).to_numpy(), _DAY))]
    if stored.type == "date":
        _expect(column, stored, is_right=pa.types.is_date32(form))
        return [(">i4", _moved(column.cast(pa.int32()).to_numpy(), 1))]
    if stored.type == "boolean":
        _expect(column, stored, is_right=pa.types.is_boolean(form))
        return [("u1", column.cast(pa.uint8()).to_numpy())]
    _expect(column, stored, is_right=pa.types.is_signed_integer(form))
    return _integer(column.to_numpy(), _INTEGERS[stored.type])


def _expect(column: pa.Array, stored: Stored, *, is_right: bool) -> None:
    if not is_right:
        raise TypeError(f"{column.type} is not the Arrow type for {stored.type} with {stored.scale} decimals")


def _integer(values: Any, bits: int) -> Fields:
    if int(values.min()) < -(1 << bits - 1) or int(values.max()) >= 1 << bits - 1:
        raise OverflowError
    return [(f">i{bits // 8}", values)]


def _moved(values: Any, day: int) -> Any:
    """Units since 1970 as since 2000, in the years 1 to 9999; `day`: how many units it has."""
    if int(values.min()) < (_FIRST + _DAYS) * day or int(values.max()) >= (_LAST + _DAYS + 1) * day:
        raise OverflowError
    return values - _DAYS * day


def _unscaled(column: pa.Array) -> Any:
    """Decimals without their point, of up to 64 bits; Arrow has them in 128."""
    import numpy as np

    halves = np.frombuffer(column.buffers()[1], "<i8", 2 * len(column), 16 * column.offset).reshape(-1, 2)
    values = np.ascontiguousarray(halves[:, 0])
    if (values >> 63 != halves[:, 1]).any():
        raise OverflowError
    return values


def _numeric(values: Any, scale: int) -> Fields:
    """numeric_recv: how many groups, the first one's weight, the sign, the decimals that are shown, the groups.

    The values of a column get as many groups as the largest needs: numeric_recv takes zeros off again.
    """
    import numpy as np

    if values.min() == values.max():
        values = values[:1]
    sizes = np.abs(values).view(np.uint64)  # of the least of all numbers, too
    whole = sizes // 10**scale
    behind = (sizes - whole * 10**scale) * 10 ** (-scale % _BASE_DIGITS)
    before = _groups(whole, max(1, -(-len(str(whole.max())) // _BASE_DIGITS)))
    groups = before + _groups(behind, -(-scale // _BASE_DIGITS))
    return [
        (">i2", np.array([len(groups)])),
        (">i2", np.array([len(before) - 1])),
        (">u2", (values < 0) * np.uint16(_NEGATIVE)),
        (">u2", np.array([scale])),
        *((">i2", group) for group in groups),
    ]


def _groups(values: Any, count: int) -> list[Any]:
    """The last `count` groups of digits, the first of them first."""
    found: list[Any] = []
    for _ in range(count):
        rest = values // _BASE if len(found) + 1 < count else None
        found.insert(0, values if rest is None else values - rest * _BASE)
        values = rest
    return found
