"""From a contract's column: how its text becomes a value, and what can be wrong with it. `t` is the text, `v` the value.

The first rule that a row breaks is stored as its reason. A rule that the others of its column imply is there for its
words only; rows that break nothing are not held against it.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from marketflow.sources.contracts import EARLIEST, Column
from marketflow.sources.contracts.model import FUTURE_DAYS, INTEGER_DIGITS
from marketflow.sources.mapping.words import fits, literal, literals
from marketflow.sources.mapping.zones import instant

_DATE = "[0-9]{4}-[0-9]{2}-[0-9]{2}"
_LOCAL = _DATE + r"[T ][0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,6})?)?"
_OFFSET = "(?:Z|[+-](?:0[0-9]|1[0-5]):[0-5][0-9])"
ZONE = r"[A-Za-z0-9_+-]+(?:/[A-Za-z0-9_+-]+)*"
YES, NO = ("true", "t", "yes", "y", "1"), ("false", "f", "no", "n", "0")
FIRST_BIRTHDAY = dt.date(1900, 1, 1)
FACTOR_DECIMALS = 6
_NO_ZONE = "has no zone and the source names none"


@dataclass(frozen=True, kw_only=True)
class Reading:
    """How the source writes times: their format (None: ISO 8601), and the zone of those that name none."""

    format: str | None = None
    zone: str | None = None


@dataclass(frozen=True, kw_only=True)
class Rule:
    """Words and the condition (SQL) that makes a value bad."""

    reason: str
    broken: str
    implied: bool = False  # a value that breaks it breaks a later rule of the same column too


def written(t: str, reading: Reading) -> str:
    """SQL of a time as written, in whatever zone: TIMESTAMP, or TIMESTAMPTZ when the format names the zone."""
    return f"try_strptime({t}, {literal(reading.format)})" if reading.format else f"TRY_CAST({t} AS TIMESTAMP)"


def value(column: Column, t: str, w: str, reading: Reading, latest: dt.datetime) -> str:
    """SQL of the value; null for a text that is none. `w`: of a time or day, the name of what is `written`."""
    if column.kind == "number":
        return f"TRY_CAST({t} AS {number_type(column)})"
    if column.kind == "instant":
        return _instant(t, w, reading, latest)
    if column.kind == "day":
        return f"TRY_CAST({w} AS DATE)"
    if column.kind == "flag":
        return f"CASE WHEN lower({t}) IN ({literals(YES)}) THEN true WHEN lower({t}) IN ({literals(NO)}) THEN false END"
    return t


def number_type(column: Column) -> str:
    """The decimal type that holds all numbers of the column."""
    return f"DECIMAL({INTEGER_DIGITS + column.decimals}, {column.decimals})"


def rules(column: Column, t: str, w: str, v: str, reading: Reading, latest: dt.datetime) -> list[Rule]:
    """What can be wrong with a text that is there. `latest`: the first instant that is too far in the future."""
    makers: dict[str, Callable[[], list[Rule]]] = {
        "number": lambda: [*_number_shape(column, t), *number_limits(column, v)],
        "instant": lambda: list(_instant_rules(column, t, w, v, reading, latest)),
        "day": lambda: list(_day_rules(column, t, v, reading, latest)),
        "flag": lambda: [Rule(reason=f"{column.name} is neither true nor false", broken=f"{t} IS NOT NULL AND {v} IS NULL")],
        "zone": lambda: [_unlike(column, t, ZONE, "is not a time zone"), _unknown_zone(column, t)],
        "json": lambda: [Rule(reason=f"{column.name} is longer than {column.max_length} bytes", broken=f"strlen({t}) > {column.max_length}")],
    }  # fmt: skip
    return makers.get(column.kind, lambda: _text_rules(column, t))()


def number_pattern(decimals: int) -> str:
    """The text of a number: digits, a point, decimals; zeros may follow."""
    behind = rf"(?:\.[0-9]{{1,{decimals}}}0{{0,9}})?" if decimals else r"(?:\.0{1,9})?"
    return rf"-?[0-9]{{1,{INTEGER_DIGITS}}}{behind}"


def shape_rules(who: str, t: str, decimals: int) -> list[Rule]:
    """Is it a number, and has it no more digits than are kept?"""
    return [
        Rule(reason=f"{who} is not a number", broken=f"NOT {fits(t, '-?[0-9]+(?:[.][0-9]+)?')}", implied=True),
        Rule(reason=f"{who} has too many digits (at most {decimals} after the point)",
             broken=f"NOT {fits(t, number_pattern(decimals))}"),
    ]  # fmt: skip


def _number_shape(column: Column, t: str) -> list[Rule]:
    return shape_rules(column.name, t, column.decimals)


def number_limits(column: Column, v: str) -> list[Rule]:
    """Between minimum and maximum?"""
    found = []
    if column.minimum is not None:
        words = f"negative {column.name}" if column.minimum == 0 else f"{column.name} is below {column.minimum:f}"
        found.append(Rule(reason=words, broken=f"{v} < {column.minimum:f}"))
    if column.maximum is not None:
        found.append(Rule(reason=f"{column.name} is above {column.maximum:f}", broken=f"{v} > {column.maximum:f}"))
    return found


def _instant(t: str, w: str, reading: Reading, latest: dt.datetime) -> str:
    if reading.format and "%z" in reading.format:
        return f"make_timestamp(epoch_us({w}))"
    if reading.format:
        return instant(w, reading.zone, latest) if reading.zone else "NULL::TIMESTAMP"
    told = f"make_timestamp(epoch_us(TRY_CAST({t} AS TIMESTAMPTZ)))"
    if reading.zone is None:
        return told
    return f"CASE WHEN suffix({t}, 'Z') OR {t}[-6] IN ('+', '-') THEN {told} ELSE {instant(w, reading.zone, latest)} END"


def _instant_rules(
    column: Column, t: str, w: str, v: str, reading: Reading, latest: dt.datetime
) -> Iterator[Rule]:  # fmt: skip
    yield from _format_rules(column, t, w, reading) if reading.format else _iso_rules(column, t, reading)
    name, absent = column.name, f"{t} IS NOT NULL AND {v} IS NULL"
    nonsense = Rule(reason=f"{name} is not a time that exists", broken=f"{absent} AND {w} IS NULL", implied=True)
    if reading.zone is None:
        yield Rule(reason=nonsense.reason, broken=absent)
    else:
        yield nonsense
        yield Rule(reason=f"{name} does not exist: the clock was put forward in {reading.zone}", broken=absent)
    yield Rule(reason=f"{name} is before {EARLIEST:%Y-%m-%d}", broken=f"{v} < {_timestamp(EARLIEST)}")
    if column.past:
        words = f"{name} is more than {FUTURE_DAYS} days after the business day"
        yield Rule(reason=words, broken=f"{v} >= {_timestamp(latest)}")


def _format_rules(column: Column, t: str, w: str, reading: Reading) -> Iterator[Rule]:
    broken = f"{t} IS NOT NULL AND {w} IS NULL"
    yield Rule(reason=f"{column.name} is not a time of the form {reading.format}", broken=broken, implied=True)
    if reading.zone is None and "%z" not in (reading.format or ""):
        yield Rule(reason=f"{column.name} {_NO_ZONE}", broken=f"{t} IS NOT NULL", implied=True)


def _iso_rules(column: Column, t: str, reading: Reading) -> Iterator[Rule]:
    if reading.zone is None:
        yield Rule(reason=f"{column.name} {_NO_ZONE}", broken=fits(t, _LOCAL), implied=True)
        yield _unlike(column, t, _LOCAL + _OFFSET, "is not a time with an offset (ISO 8601)")
    else:
        yield _unlike(column, t, f"{_LOCAL}{_OFFSET}?", "is not a time (ISO 8601)")


def _day_rules(column: Column, t: str, v: str, reading: Reading, latest: dt.datetime) -> Iterator[Rule]:
    absent, name = f"{t} IS NOT NULL AND {v} IS NULL", column.name
    if reading.format:
        yield Rule(reason=f"{name} is not a day of the form {reading.format}", broken=absent)
    else:
        yield _unlike(column, t, _DATE, "is not a day (ISO 8601)")
        yield Rule(reason=f"{name} is not a day that exists", broken=absent)
    first = FIRST_BIRTHDAY if column.personal else EARLIEST.date()
    yield Rule(reason=f"{name} is before {first}", broken=f"{v} < DATE '{first}'")
    if column.past:
        words = f"{name} is more than {FUTURE_DAYS} days after the business day"
        yield Rule(reason=words, broken=f"{v} >= DATE '{latest.date()}'")


def _text_rules(column: Column, t: str) -> list[Rule]:
    if column.allowed:
        return [Rule(reason=f"{column.name} is none of: {', '.join(column.allowed)}",
                     broken=f"{t} NOT IN ({literals(column.allowed)})")]  # fmt: skip
    words = f"{column.name} is longer than {column.max_length} characters"
    too_long = Rule(reason=words, broken=f"length({t}) > {column.max_length}")
    if column.pattern:
        return [too_long, _unlike(column, t, column.pattern, f"is not {column.pattern_says}")]
    return [too_long]


def _unknown_zone(column: Column, t: str) -> Rule:
    return Rule(reason=f"{column.name} is not a time zone", broken=f"{t} NOT IN (SELECT zone FROM zones)")


def _unlike(column: Column, t: str, pattern: str, words: str) -> Rule:
    return Rule(reason=f"{column.name} {words}", broken=f"NOT {fits(t, pattern)}")


def _timestamp(at: dt.datetime) -> str:
    return f"TIMESTAMP '{at.astimezone(dt.UTC):%Y-%m-%d %H:%M:%S}'"
