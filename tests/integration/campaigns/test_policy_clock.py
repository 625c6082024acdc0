"""Quiet hours and the holdout's draw, as the database reckons them: any zone, any hour, any night with a change of the clock."""

from __future__ import annotations

import datetime as dt
import math
import zoneinfo
from decimal import Decimal

import psycopg
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

ZONES = (
    "America/New_York",
    "Europe/Berlin",
    "Asia/Shanghai",
    "Asia/Kolkata",
    "Australia/Lord_Howe",
    "Pacific/Apia",
    "UTC",
)
CHANGES = [dt.datetime(2026, 3, 8, 7, tzinfo=dt.UTC), dt.datetime(2026, 11, 1, 6, tzinfo=dt.UTC),
           dt.datetime(2026, 3, 29, 1, tzinfo=dt.UTC), dt.datetime(2026, 10, 25, 1, tzinfo=dt.UTC)]  # fmt: skip
instants = st.one_of(
    st.datetimes(dt.datetime(2017, 1, 1), dt.datetime(2027, 1, 1), timezones=st.just(dt.UTC)),  # noqa: DTZ001
    st.builds(
        lambda at, minutes: at + dt.timedelta(minutes=minutes), st.sampled_from(CHANGES), st.integers(-1500, 1500)
    ),
)
times = st.builds(dt.time, st.integers(0, 23), st.integers(0, 59))


def ask(conn: psycopg.Connection, at: dt.datetime, zone: str, first: dt.time, last: dt.time) -> dt.datetime | None:
    query = "SELECT activation.quiet_until(%s, %s, %s::time, %s::time)"
    row = conn.execute(query, [at, zone, first, last]).fetchone()
    assert row is not None
    return None if row[0] is None else dt.datetime.fromisoformat(row[0].isoformat())


def is_quiet(at: dt.datetime, zone: str, first: dt.time, last: dt.time) -> bool:
    local = at.astimezone(zoneinfo.ZoneInfo(zone)).time()
    return first <= local < last if first < last else local >= first or local < last


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(at=instants, zone=st.sampled_from(ZONES), first=times, last=times)
@example(at=CHANGES[0], zone="America/New_York", first=dt.time(1), last=dt.time(2, 30))  # 2:30 is left out that night
@example(at=CHANGES[1], zone="America/New_York", first=dt.time(21), last=dt.time(1, 30))  # 1:30 comes twice
def test_it_is_quiet_by_the_clock_on_the_wall_and_ends_when_that_says_so(
    conn: psycopg.Connection, at: dt.datetime, zone: str, first: dt.time, last: dt.time
) -> None:
    if first == last:
        return
    until = ask(conn, at, zone, first, last)
    assert (until is not None) == is_quiet(at, zone, first, last)
    if until is not None:
        assert dt.timedelta(0) < until - at <= dt.timedelta(hours=25)
        local = until.astimezone(zoneinfo.ZoneInfo(zone))
        assert local.time() == last or not is_quiet(until, zone, first, last)  # or the first minute after the gap
        gap = dt.datetime.combine(local.date(), last, tzinfo=local.tzinfo)
        assert local.time() == last or gap.astimezone(dt.UTC).astimezone(local.tzinfo).time() != last


def test_the_night_of_shanghai_is_the_day_of_new_york(conn: psycopg.Connection) -> None:
    at = dt.datetime(2026, 11, 22, 15, 0, tzinfo=dt.UTC)  # 23:00 there, 10:00 here
    night = (dt.time(21), dt.time(8))
    assert ask(conn, at, "America/New_York", *night) is None
    assert ask(conn, at, "Asia/Shanghai", *night) == dt.datetime(2026, 11, 23, 0, 0, tzinfo=dt.UTC)


def test_a_night_is_an_hour_shorter_in_spring_and_longer_in_autumn(conn: psycopg.Connection) -> None:
    zone = zoneinfo.ZoneInfo("America/New_York")
    for day, hours in ((dt.date(2026, 3, 7), 10), (dt.date(2026, 10, 31), 12), (dt.date(2026, 6, 1), 11)):
        evening = dt.datetime.combine(day, dt.time(21), tzinfo=zone).astimezone(dt.UTC)
        assert ask(conn, evening, zone.key, dt.time(21), dt.time(8)) == evening + dt.timedelta(hours=hours)


def test_each_zone_that_python_knows_is_known_or_falls_back_and_none_stops_the_statement(
    conn: psycopg.Connection,
) -> None:
    names = sorted(zoneinfo.available_timezones())
    odd = ["", " ", "Nowhere/City", "Mars/Phobos", "BC", "PM", "mon", "jan", "infinity", "now", "today", "+05", "-3", "EST5EDT4",
           "Jan/Feb", "At/On", "UTC+25", "Etc/GMT+99", "'; DROP", "Europe/Berlin ", "europe/berlin", "Am/Pm", "2020/01/01"]  # fmt: skip
    rows = conn.execute(
        "SELECT z, activation.known_zone(z, 'Asia/Tokyo'), %s AT TIME ZONE activation.known_zone(z, 'Asia/Tokyo')"
        " FROM unnest(%s::text[]) AS z",
        [dt.datetime(2026, 7, 1, tzinfo=dt.UTC), names + odd],
    ).fetchall()
    known = {zone for zone, found, _ in rows if zone == found}
    assert {
        "America/New_York",
        "Europe/Berlin",
        "Asia/Shanghai",
        "America/Argentina/Buenos_Aires",
        "UTC",
        "Etc/GMT+5",
    } <= known
    assert sorted(known & set(odd)) == []
    assert {found for zone, found, _ in rows if zone not in known} == {"Asia/Tokyo"}
    assert conn.execute("SELECT activation.known_zone(NULL, 'Asia/Tokyo')").fetchone() == ("Asia/Tokyo",)


@pytest.mark.parametrize("share", [0.05, 0.5])
def test_the_share_that_is_drawn_is_the_share_that_was_asked_for(conn: psycopg.Connection, share: float) -> None:
    people = 10_000
    row = conn.execute(
        "SELECT count(*) FILTER (WHERE activation.draw('marketflow', p) < %s) FROM generate_series(1, %s) AS p",
        [share, people],
    ).fetchone()
    assert row is not None
    drawn = row[0]
    assert abs(drawn - share * people) < 3 * math.sqrt(people * share * (1 - share))


def test_a_larger_share_keeps_those_who_were_held_out_and_another_salt_draws_others(conn: psycopg.Connection) -> None:
    rows = conn.execute(
        "SELECT activation.draw('a', p), activation.draw('b', p), p FROM generate_series(-500, 5000) AS p"
    ).fetchall()
    assert all(0 <= a < 1 and 0 <= b < 1 for a, b, _ in rows)
    of_a, of_b = ({p for *ab, p in rows if ab[i] < 0.1} for i in (0, 1))
    assert of_a < {p for a, _, p in rows if a < 0.2}
    assert 0 < len(of_a & of_b) < 0.3 * len(of_a)
    # for ever: were it another hash one day, others would be held out
    assert conn.execute("SELECT round(activation.draw('marketflow', 42)::numeric, 6)").fetchone() == (
        Decimal("0.042922"),
    )
