"""Lengths of time as people write them into files: `36 hours`, `15 minutes`, `2 days`."""

from __future__ import annotations

import datetime as dt
import re

AGE_PATTERN = r"^([1-9][0-9]{0,4}) (minute|hour|day)s?$"
_UNITS = {"minute": 60, "hour": 3600, "day": 86_400}


def age(text: str) -> dt.timedelta:
    """The length of time; raises ValueError for a text that does not fit AGE_PATTERN."""
    found = re.fullmatch(AGE_PATTERN, text)
    if not found:
        raise ValueError(f"{text!r} is not a length of time such as 36 hours")
    return dt.timedelta(seconds=int(found[1]) * _UNITS[found[2]])
