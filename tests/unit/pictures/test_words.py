"""Numbers and days as a reader expects them."""

from __future__ import annotations

import datetime as dt
import math

import pytest

from marketflow.pictures import and_list, day_in_words, number, percent, readable, short_number
from marketflow.pictures.words import short_day, shortened


@pytest.mark.parametrize(
    ("value", "digits", "text"),
    [
        (1234567.4, 0, "1,234,567"),
        (-0.004, 2, "0.00"),
        (-12345.678, 1, "-12,345.7"),
        (None, 0, "-"),
        (math.nan, 0, "-"),
        (math.inf, 0, "-"),
    ],
)
def test_number(value: float | None, digits: int, text: str) -> None:
    assert number(value, digits) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(950, "950"), (9999, "9,999"), (12345, "12.3k"), (345678, "346k"), (4.567e6, "4.6M"), (None, "-")],
)
def test_short_number(value: float | None, text: str) -> None:
    assert short_number(value) == text


@pytest.mark.parametrize(
    ("share", "text"), [(0.223, "22 %"), (0.018, "1.8 %"), (0, "0 %"), (1, "100 %"), (None, "-"), (math.nan, "-")]
)
def test_percent(share: float | None, text: str) -> None:
    assert percent(share) == text


def test_days_and_names() -> None:
    assert day_in_words(dt.date(2017, 12, 1)) == "1 December 2017"
    assert short_day(dt.date(2017, 5, 31)) == "31 May"
    assert readable("at_risk") == "at risk"
    assert and_list([]) == "-"
    assert and_list(["a"]) == "a"
    assert and_list(["a", "b", "c"]) == "a, b and c"
    assert shortened("a  long\nname of something", 12) == "a long name…"
    assert shortened("short", 12) == "short"
