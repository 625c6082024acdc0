"""Windows of a database's rows: where they end, and that no instant falls between them."""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from marketflow.sources.places.database import next_window
from marketflow.sources.places.result import wall_bounds

ZONES = st.sampled_from(
    ["Europe/London", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata", "UTC", "Pacific/Apia"]
)
YEARS = st.datetimes(dt.datetime(2000, 1, 1), dt.datetime(2030, 1, 1), timezones=st.just(dt.UTC))  # noqa: DTZ001
LONG = st.timedeltas(dt.timedelta(seconds=1), dt.timedelta(days=400))
NOW = dt.datetime(2026, 7, 1, 9, 0, 0, 500_000, dt.UTC)


def test_a_window_ends_at_a_full_second_behind_the_lag() -> None:
    assert next_window(None, NOW, 60).until == dt.datetime(2026, 7, 1, 8, 59, 0, tzinfo=dt.UTC)  # type: ignore[union-attr]
    # Without a lag, too: in the second that runs there may be more rows with the same time.
    assert next_window(None, NOW, 0).until == dt.datetime(2026, 7, 1, 8, 59, 59, tzinfo=dt.UTC)  # type: ignore[union-attr]


def test_no_window_before_time_has_gone_on() -> None:
    until = dt.datetime(2026, 7, 1, 8, 59, 0, tzinfo=dt.UTC)
    assert next_window(until, NOW, 60) is None
    assert next_window(until + dt.timedelta(days=1), NOW, 60) is None  # the clock was set back
    found = next_window(until - dt.timedelta(seconds=1), NOW, 60)
    assert found is not None
    assert (found.since, found.until) == (until - dt.timedelta(seconds=1), until)


def test_bounds_are_in_utc_whatever_zone_a_driver_gives_them_in() -> None:
    since = dt.datetime(2026, 7, 1, 10, 0, tzinfo=ZoneInfo("Europe/Berlin"))
    found = next_window(since, NOW.astimezone(ZoneInfo("Asia/Kolkata")), 60)
    assert found is not None
    assert (found.since, found.until) == (since, dt.datetime(2026, 7, 1, 8, 59, tzinfo=dt.UTC))
    assert (found.since.tzinfo, found.until.tzinfo) == (dt.UTC, dt.UTC)  # type: ignore[union-attr]


@given(zone=ZONES, since=YEARS, length=LONG, part=st.floats(0, 1, exclude_min=True))
def test_the_wall_clock_of_every_instant_of_a_window_lies_within_its_bounds(
    zone: str, since: dt.datetime, length: dt.timedelta, part: float
) -> None:
    low, high = wall_bounds(since, since + length, ZoneInfo(zone))
    wall = (since + part * length).astimezone(ZoneInfo(zone)).replace(tzinfo=None)
    # Samoa has skipped a whole day, forwards: that leaves a gap on the wall and nothing that comes twice.
    assert low <= wall <= high


@given(since=YEARS, length=LONG)
def test_without_changes_of_the_clocks_the_bounds_are_exact(since: dt.datetime, length: dt.timedelta) -> None:
    low, high = wall_bounds(since, since + length, ZoneInfo("Asia/Kolkata"))
    assert high - low == length


def test_the_hour_that_comes_twice() -> None:
    london, back = ZoneInfo("Europe/London"), dt.datetime(2026, 10, 25, 1, 0, tzinfo=dt.UTC)  # 02:00 becomes 01:00
    minute = dt.timedelta(minutes=1)
    low, high = wall_bounds(back - minute, back + minute, london)
    assert low <= dt.datetime(2026, 10, 25, 1, 0) <= dt.datetime(2026, 10, 25, 1, 59, 59) <= high  # noqa: DTZ001
