"""Days of activity, packed and counted."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marketflow.predictions.send_time.days import HOUR, WEEKDAY, Days, pack_days

SUNDAY = dt.date(2017, 12, 31)


def days_of(rows: list[tuple[int, int, list[int]]]) -> Days:
    """From (customer, age, hours)."""
    rows = sorted(rows)
    bits = [sum(1 << hour for hour in set(hours)) for *_, hours in rows]
    block = {"customer": [c for c, *_ in rows], "age": [a for _, a, _ in rows], "hours": bits}
    return pack_days([{name: np.array(values, dtype=np.int64) for name, values in block.items()}], SUNDAY)


def test_hours_and_weekdays_are_counted_by_day() -> None:
    days = days_of([(7, 0, [9, 23]), (7, 7, [9]), (8, 1, []), (8, -1, [0])])
    hours, weekdays = days.tally(HOUR), days.tally(WEEKDAY)
    assert hours[0].tolist() == [2 if h == 9 else 1 if h == 23 else 0 for h in range(24)]
    assert hours[1].tolist() == [1] + [0] * 23
    assert weekdays.tolist() == [[0, 0, 0, 0, 0, 0, 2], [1, 0, 0, 0, 0, 1, 0]]  # Monday comes first


def test_periods_share_no_day_and_leave_none_out() -> None:
    days = days_of([(1, age, [age % 24]) for age in range(-1, 100)])
    parts = [
        days.tally(HOUR, newest=56),
        days.tally(HOUR, oldest=56, newest=28),
        days.tally(HOUR, oldest=28),
    ]
    assert [p.sum() for p in parts] == [44, 28, 29]
    assert (sum(parts) == days.tally(HOUR)).all()


def test_older_days_weigh_less() -> None:
    days = days_of([(1, 28, [3]), (1, 118, [4]), (1, 208, [5])])
    for dimension in (HOUR, WEEKDAY):
        weighed = days.tally(dimension, newest=28, half_life=90)
        assert weighed.sum() == pytest.approx(1 + 0.5 + 0.25, abs=1e-6)
    assert days.tally(HOUR, newest=28, half_life=90)[0, 3:6].tolist() == pytest.approx([1, 0.5, 0.25])


def test_no_day_at_all_is_no_customer() -> None:
    days = pack_days([], SUNDAY)
    assert len(days) == 0
    assert days.tally(HOUR).shape == (0, 24)


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.integers(1, 40), st.integers(0, 400), st.lists(st.integers(0, 23), max_size=3)), min_size=1)
)
def test_blocks_and_samples_count_as_the_whole(rows) -> None:
    rows = list({row[:2]: row for row in rows}.values())
    days = days_of(rows)
    for dimension in (HOUR, WEEKDAY):
        whole = days.tally(dimension)
        parts = [days.between(first, first + 3).tally(dimension) for first in range(0, len(days), 3)]
        assert (np.concatenate(parts) == whole).all()
        some = days.sample(5, seed=1)
        assert len(some) == min(5, len(days))
        assert (some.tally(dimension) == whole[np.isin(days.customers, some.customers)]).all()
