"""One line of JSON, read without losing a digit, or what is wrong with it.

This is the careful way: the reader of JSON Lines goes it for the lines of which its fast way is not sure. Both give the
same texts. Of a key that stands twice in an object the first counts.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from marketflow.sources.readers.block import LIMIT

DEPTH = 500  # levels of nesting; more is damage or malice
_TEXTS = re.compile(rb'"(?:[^"\\]|\\.)*+"', re.DOTALL)
_NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")
TOO_LONG = "the record is longer than 1 MiB"
_EXPONENT = 400  # a number with more digits than that is left as it is written, which no contract takes


class Bad(Exception):
    """The line is no record; the message is a stored reason."""


class _Number(str):
    """The digits of a number as they are written."""

    __slots__ = ()


def read_line(line: bytes) -> dict[str, Any]:
    """The object in a line; raises Bad."""
    if len(line) > LIMIT:
        raise Bad(TOO_LONG)
    if b"\0" in line or _NUL.search(line):
        raise Bad("the record holds a NUL byte")
    try:
        text = line.decode()
    except UnicodeDecodeError:
        raise Bad("the record is not UTF-8") from None
    if _depth(line) > DEPTH:
        raise Bad(f"the record is nested more than {DEPTH} levels deep")
    try:
        found = _DECODER.decode(text)
    except (ValueError, RecursionError):
        raise Bad("the record is not JSON") from None
    if not isinstance(found, dict):
        raise Bad("the record is not a JSON object")
    return found


def values(found: dict[str, Any], columns: Sequence[str]) -> list[str | None]:
    """The texts of the columns; raises Bad."""
    try:
        return [_as_text(_look_up(found, name)) for name in columns]
    except UnicodeEncodeError:
        raise Bad("the record is not UTF-8") from None  # half of a surrogate pair


def plain(number: str) -> str:
    """The number without an exponent and without zeros at the end of its decimals: 1.50 and 15e-1 are both 1.5."""
    if "e" in number or "E" in number:
        exact = Decimal(number)
        if abs(exact.adjusted()) > _EXPONENT:
            return number
        number = format(exact, "f")
    whole, point, decimals = number.partition(".")
    return f"{whole}.{decimals.rstrip('0') or '0'}" if point else number


def _depth(line: bytes) -> int:
    """How deep the brackets of a line go."""
    if line.count(b"[") + line.count(b"{") <= DEPTH:
        return 0
    level = deepest = 0
    for sign in re.findall(rb"[\[\]{}]", _TEXTS.sub(b"", line)):
        level += 1 if sign in b"[{" else -1
        deepest = max(deepest, level)
    return deepest


def _refuse(word: str) -> Any:
    raise ValueError(word)  # NaN and Infinity are no JSON


def _first_wins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    return found if len(found) == len(pairs) else dict(reversed(pairs))


_DECODER = json.JSONDecoder(
    parse_float=lambda digits: _Number(plain(digits)),
    parse_int=lambda digits: _Number("0" if digits == "-0" else digits),
    parse_constant=_refuse,
    object_pairs_hook=_first_wins,
)


def _look_up(found: dict[str, Any], name: str) -> Any:
    if found.get(name) is not None or "." not in name:
        return found.get(name)
    value: Any = found
    for key in name.split("."):
        if isinstance(value, list) and key.isdecimal() and key.isascii():
            value = value[int(key)] if len(key) < 9 and int(key) < len(value) else None
        else:
            value = value.get(key) if isinstance(value, dict) else None
    return value


def _as_text(value: Any) -> str | None:
    if value is None:
        return None
    if isinstance(value, _Number):
        return str(value)
    if isinstance(value, str):
        value.encode()
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    return nested(value)


def nested(value: Any) -> str:
    """A list or object as JSON text; what JSON has no word for becomes a text."""
    import orjson

    return orjson.dumps(value, default=_token, option=orjson.OPT_PASSTHROUGH_SUBCLASS).decode()


def _token(value: Any) -> Any:
    import orjson

    if isinstance(value, _Number):
        return orjson.Fragment(value.encode())
    if isinstance(value, Decimal):
        return orjson.Fragment(format(value, "f").encode()) if value.is_finite() else str(value)
    return value.hex() if isinstance(value, bytes) else str(value)
