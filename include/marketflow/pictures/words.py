"""Numbers, days and names as a reader expects them, the same on every machine: no locale has a part in it."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterable

_MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)  # fmt: skip
NOTHING = "-"


def day_in_words(day: dt.date) -> str:
    """Such as 31 December 2017."""
    return f"{day.day} {_MONTHS[day.month - 1]} {day.year}"


def short_day(day: dt.date) -> str:
    """Such as 31 Dec."""
    return f"{day.day} {_MONTHS[day.month - 1][:3]}"


def number(value: float | None, digits: int = 0) -> str:
    """With commas between thousands; a dash for what has no value."""
    if value is None or not math.isfinite(value):
        return NOTHING
    text = f"{value:,.{digits}f}"
    return text[1:] if text.startswith("-") and not text.strip("-0.,") else text


def short_number(value: float | None) -> str:
    """Three digits at least, thousands as k and millions as M: 950, 12.3k, 4.57M."""
    if value is None or not math.isfinite(value):
        return NOTHING
    for unit, size in (("M", 1e6), ("k", 1e4)):
        if abs(value) >= size:
            scaled = value / (1e6 if unit == "M" else 1e3)
            return f"{scaled:,.{0 if abs(scaled) >= 100 else 1}f}{unit}"
    return number(value)


def percent(share: float | None) -> str:
    """A share as per cent: one digit below ten per cent."""
    if share is None or not math.isfinite(share):
        return NOTHING
    return f"{number(100 * share, 0 if share >= 0.1 or share == 0 else 1)} %"


def readable(name: str) -> str:
    """A name of the code as words: at_risk is at risk."""
    return name.replace("_", " ").strip()


def and_list(words: Iterable[str]) -> str:
    """One, two and three."""
    *most, last = list(words) or [NOTHING]
    return f"{', '.join(most)} and {last}" if most else last


def shortened(text: str, most: int) -> str:
    """At most `most` characters; what is left out is three dots."""
    text = " ".join(text.split())
    return text if len(text) <= most else text[: max(most - 1, 1)].rstrip(" ,;") + "…"
