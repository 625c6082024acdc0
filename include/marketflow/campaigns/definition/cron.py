"""Schedules as cron writes them, checked without a library: a file is read each time that Airflow parses its DAGs."""

from __future__ import annotations

import re

from marketflow.shared.explain import nearest

_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_WEEKDAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
# name, smallest, largest, words for the numbers from the smallest on
_FIELDS: tuple[tuple[str, int, int, tuple[str, ...]], ...] = (
    ("minute", 0, 59, ()),
    ("hour", 0, 23, ()),
    ("day of the month", 1, 31, ()),
    ("month", 1, 12, _MONTHS),
    ("day of the week", 0, 7, _WEEKDAYS),
)
_DAYS = dict(zip(range(1, 13), (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31), strict=True))
_PART = re.compile(r"(?P<first>\*|[A-Za-z]+|\d+)(?:-(?P<last>[A-Za-z]+|\d+))?(?:/(?P<step>\d+))?")
_FORM = "five fields: minute, hour, day of the month, month, day of the week, as in '0 9 * * MON'"


def check_cron(text: str) -> str:
    """The expression with single blanks; raises ValueError with the field that is wrong and what it may be."""
    fields = text.split()
    if len(fields) != len(_FIELDS):
        raise ValueError(f"has {len(fields)} fields; cron has {_FORM}")
    found = [_field(part, *rule) for part, rule in zip(fields, _FIELDS, strict=True)]
    days, months, weekdays = found[2:]
    if fields[4] == "*" and min(days) > max(_DAYS[m] for m in months):
        raise ValueError(f"day {min(days)} is in none of these months: it would never run")
    if not weekdays:
        raise ValueError("the day of the week is empty")
    return " ".join(fields)


def _field(text: str, name: str, low: int, high: int, words: tuple[str, ...]) -> set[int]:
    values: set[int] = set()
    for part in text.split(","):
        found = _PART.fullmatch(part)
        if found is None:
            raise ValueError(f"{name}: {part!r} cannot be read; a number from {low} to {high}, *, a-b, */n, or a,b")
        if found["first"] == "*" and found["last"]:
            raise ValueError(f"{name}: {part!r} cannot be read; * is everything already")
        first = low if found["first"] == "*" else _number(found["first"], name, low, high, words)
        last = high if found["first"] == "*" or (found["step"] and not found["last"]) else first
        last = _number(found["last"], name, low, high, words) if found["last"] else last
        step = int(found["step"] or 1)
        if step < 1 or last < first:
            raise ValueError(f"{name}: {part!r} says nothing: its end is before its start, or its step is 0")
        values.update(range(first, last + 1, step))
    return values


def _number(text: str, name: str, low: int, high: int, words: tuple[str, ...]) -> int:
    if text.isdigit():
        number = int(text)
        if not low <= number <= high:
            raise ValueError(f"{name}: {number} is not between {low} and {high}")
        return number
    if text.upper() not in words:
        known = nearest(text.upper(), words) if words else f"; a number from {low} to {high}"
        raise ValueError(f"{name}: {text!r} is no {name}{known}")
    return low + words.index(text.upper())
