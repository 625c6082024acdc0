"""The words of strptime that Python and DuckDB read alike, and what is wrong with a format or a pattern."""

from __future__ import annotations

import codecs
import re
import zoneinfo

_KNOWN = frozenset("YymdHIMSfpzbBaAj%")
_NOT_RE2 = re.compile(r"\(\?(?:[=!>(]|<[=!]|P=)|(?<!\\)(?:\\\\)*(?:\\[1-9]|[*+?}]\+)|\\Z")


def format_fault(text: str) -> str | None:
    """What is wrong with a strptime format, in words; None: nothing."""
    words = re.findall(r"%(-?.|$)", text)
    unknown = [w for w in words if w.removeprefix("-") not in _KNOWN]
    if unknown:
        known = " ".join(sorted("%" + c for c in _KNOWN))
        return f"%{unknown[0]} is no format code that is known here; known are {known}"
    codes = {w.removeprefix("-") for w in words}
    year, day = codes & {"Y", "y"}, {"m", "d"} <= codes or {"b", "d"} <= codes or {"B", "d"} <= codes or "j" in codes
    if not (year and day):
        return "the format must give year, month and day, such as %Y-%m-%d"
    return None


def pattern_fault(pattern: str) -> str | None:
    """What is wrong with a pattern of `match`: it must be one that never goes back (RE2)."""
    if _NOT_RE2.search(pattern):
        return "the pattern uses what RE2 does not have: looking around, back-references or possessive repeats"
    try:
        re.compile(pattern)
    except (re.error, OverflowError, RecursionError):
        return "is not a pattern that can be read"
    return None


def zone_fault(name: str) -> str | None:
    """Is it a time zone that this machine knows?"""
    try:
        zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        return f"{name!r} is not a time zone of the tz database, such as Europe/London"
    return None


def encoding_fault(name: str) -> str | None:
    """Is it an encoding of texts?"""
    try:
        is_text = codecs.lookup(name)._is_text_encoding  # noqa: SLF001 - open() asks it too
    except (LookupError, ValueError):
        is_text = False
    odd = name.lower().replace("-", "_") in ("unicode_escape", "raw_unicode_escape", "idna", "punycode", "undefined")
    return None if is_text and not odd else f"{name!r} is not an encoding of texts that Python knows"
