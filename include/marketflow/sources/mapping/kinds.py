"""From a contract's column: how its text becomes a value, and what can be wrong with it.

The first rule that a row breaks is stored as its reason. A rule that the others of its column imply is there for its
words only; rows that break nothing are not held against it.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

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
AS_WRITTEN = ("text", "zone", "json", "key")  # kinds whose value is their text
_NO_ZONE = "has no zone and the source names none"


@dataclass(frozen=True, kw_only=True)
class Reading:
    """How the source writes times: their format (None: ISO 8601), and the zone of those that name none."""

    format: str | None = None
    zone: str | None = None


class Names(NamedTuple):
    """What a column is called in the statement: its text, a time as written in whatever zone, its value."""

    t: str
    w: str
    v: str


@dataclass(frozen=True, kw_only=True)
class Rule:
    """Words and the condition (SQL) that makes a value bad."""

    reason: str
    broken: str
    implied: bool = False  # a value that breaks it breaks a later rule of the same column too


def written(t: str, reading: Reading) -> str:
    """SQL of a time as written, in whatever zone: TIMESTAMP, or TIMESTAMPTZ when the format names the zone."""
    if not reading.format:
        return f"TRY_CAST({t} AS TIMESTAMP)"
    # DuckDB takes the words infinity and epoch for times of any form. Most times begin with a digit.
    has_digit = f"{t} BETWEEN '0' AND ':' OR regexp_matches({t}, '[0-9]')"
    return f"CASE WHEN {has_digit} THEN try_strptime({t}, {literal(reading.format)}) END"


def value(column: Column, names: Names, reading: Reading, latest: dt.datetime) -> str:
    """SQL of the value; null for a text that is none."""
    t, w, _ = names
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


def rules(column: Column, names: Names, reading: Reading, latest: dt.datetime) -> list[Rule]:
    """What can be wrong with a text that is there. `latest`: the first instant that is too far in the future."""
    t, _, v = names
    makers: dict[str, Callable[[], list[Rule]]] = {
        "number": lambda: [*shape_rules(column.name, t, column.decimals), *number_limits(column, v)],
        "instant": lambda: list(_instant_rules(column, names, reading, latest)),
        "day": lambda: list(_day_rules(column, names, reading, latest)),
        "flag": lambda: [Rule(reason=f"{column.name} is neither true nor false", broken=_nothing_of(names))],
        "zone": lambda: [_unlike(column, t, ZONE, "is not a time zone"), _unknown_zone(column, t)],
        "json": lambda: [_longer(column, f"strlen({t})", "bytes")],
    }
    return makers.get(column.kind, lambda: _text_rules(column, t))()


def number_pattern(decimals: int) -> str:
    """The text of a number: digits, a point, decimals; zeros may follow."""
    behind = rf"(?:\.[0-9]{{1,{decimals}}}0{{0,9}})?" if decimals else r"(?:\.0{1,9})?"
    return rf"-?[0-9]{{1,{INTEGER_DIGITS}}}{behind}"


def factor_shape(t: str) -> str:
    """The condition by which a text is no factor of a product."""
    return f"NOT {fits(t, number_pattern(FACTOR_DECIMALS))}"


def shape_rules(who: str, t: str, decimals: int) -> list[Rule]:
    """Is it a number, and has it no more digits than are kept?"""
    return [
        Rule(reason=f"{who} is not a number", broken=f"NOT {fits(t, '-?[0-9]+(?:[.][0-9]+)?')}", implied=True),
        Rule(reason=f"{who} has too many digits (at most {decimals} after the point)",
             broken=f"NOT {fits(t, number_pattern(decimals))}"),
    ]  # fmt: skip


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
    local = instant(w, reading.zone, latest)
    return f"CASE WHEN suffix({t}, 'Z') OR {t}[-6] IN ('+', '-') THEN {told} ELSE {local} END"


def _instant_rules(column: Column, names: Names, reading: Reading, latest: dt.datetime) -> Iterator[Rule]:
    yield from _format_rules(column, names, reading) if reading.format else _iso_rules(column, names.t, reading)
    name, v, absent = column.name, names.v, _nothing_of(names)
    nonsense = Rule(reason=f"{name} is not a time that exists", broken=f"{absent} AND {names.w} IS NULL", implied=True)
    if reading.zone is None:
        yield Rule(reason=nonsense.reason, broken=absent)
    else:
        yield nonsense
        yield Rule(reason=f"{name} does not exist: the clock was put forward in {reading.zone}", broken=absent)
    yield Rule(reason=f"{name} is before {EARLIEST:%Y-%m-%d}", broken=f"{v} < {_timestamp(EARLIEST)}")
    if column.past:
        words = f"{name} is more than {FUTURE_DAYS} days after the business day"
        yield Rule(reason=words, broken=f"{v} >= {_timestamp(latest)}")


def _format_rules(column: Column, names: Names, reading: Reading) -> Iterator[Rule]:
    broken = f"{names.t} IS NOT NULL AND {names.w} IS NULL"
    yield Rule(reason=f"{column.name} is not a time of the form {reading.format}", broken=broken, implied=True)
    if reading.zone is None and "%z" not in (reading.format or ""):
        yield Rule(reason=f"{column.name} {_NO_ZONE}", broken=f"{names.t} IS NOT NULL", implied=True)


def _iso_rules(column: Column, t: str, reading: Reading) -> Iterator[Rule]:
    if reading.zone is None:
        yield Rule(reason=f"{column.name} {_NO_ZONE}", broken=fits(t, _LOCAL), implied=True)
        yield _unlike(column, t, _LOCAL + _OFFSET, "is not a time with an offset (ISO 8601)")
    else:
        yield _unlike(column, t, f"{_LOCAL}{_OFFSET}?", "is not a time (ISO 8601)")


def _day_rules(column: Column, names: Names, reading: Reading, latest: dt.datetime) -> Iterator[Rule]:
    (t, _, v), absent, name = names, _nothing_of(names), column.name
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
    too_long = _longer(column, f"length({t})", "characters")
    if column.pattern:
        return [too_long, _unlike(column, t, column.pattern, f"is not {column.pattern_says}")]
    return [too_long]


def are_fine(column: Column, texts: Iterable[str]) -> bool:
    """Do all these texts, of which a column of kind text can have no other, keep its rules?"""
    if column.kind != "text":
        return False
    if column.allowed:
        return set(texts) <= set(column.allowed)
    return all(len(t) <= column.max_length and re.fullmatch(column.pattern or ".*", t, re.DOTALL) for t in texts)


def _longer(column: Column, length: str, units: str) -> Rule:
    words = f"{column.name} is longer than {column.max_length} {units}"
    return Rule(reason=words, broken=f"{length} > {column.max_length}")


def _nothing_of(names: Names) -> str:
    """There is a text, and it is no value."""
    return f"{names.t} IS NOT NULL AND {names.v} IS NULL"


def _unknown_zone(column: Column, t: str) -> Rule:
    unknown = f"{t} NOT IN (SELECT zone FROM zones)"  # noqa: S608 - a name of ours
    return Rule(reason=f"{column.name} is not a time zone", broken=unknown)


def _unlike(column: Column, t: str, pattern: str, words: str) -> Rule:
    return Rule(reason=f"{column.name} {words}", broken=f"NOT {fits(t, pattern)}")


def _timestamp(at: dt.datetime) -> str:
    return f"TIMESTAMP '{at.astimezone(dt.UTC):%Y-%m-%d %H:%M:%S}'"
