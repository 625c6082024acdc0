"""Local times become instants as zoneinfo says; skipped ones have none, and of doubled ones the first is meant."""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marketflow.sources.mapping.zones import instant, known_zones

UNTIL = dt.datetime(2026, 12, 1, tzinfo=dt.UTC)
ZONES = ["UTC", "Europe/London", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata", "Africa/Casablanca",
         "Pacific/Apia", "America/Caracas", "Europe/Istanbul", "America/Sao_Paulo"]  # fmt: skip


@pytest.fixture(scope="module")
def con() -> duckdb.DuckDBPyConnection:
    return duckdb.connect(":memory:")


def expected(local: dt.datetime, zone: str) -> dt.datetime | None:
    at = local.replace(tzinfo=ZoneInfo(zone), fold=0).astimezone(dt.UTC)
    exists = at.astimezone(ZoneInfo(zone)).replace(tzinfo=None) == local
    return at.replace(tzinfo=None) if exists else None


@pytest.mark.parametrize("zone", ZONES)
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_as_zoneinfo_says(con: duckdb.DuckDBPyConnection, zone: str, data: st.DataObject) -> None:
    moments = st.datetimes(dt.datetime.fromisoformat("2000-01-01"), dt.datetime.fromisoformat("2026-11-30"))
    locals_ = data.draw(st.lists(moments.map(lambda d: d.replace(microsecond=0)), min_size=1, max_size=50))
    texts = ", ".join(f"(TIMESTAMP '{d}')" for d in locals_)
    found = con.execute(f"SELECT {instant('t', zone, UNTIL)} FROM (VALUES {texts}) AS v(t)").fetchall()
    assert [f for (f,) in found] == [expected(d, zone) for d in locals_]


@pytest.mark.parametrize("zone", ZONES)
def test_around_every_change_of_the_clock(con: duckdb.DuckDBPyConnection, zone: str) -> None:
    tz, at, moments = ZoneInfo(zone), dt.datetime(2000, 1, 1, tzinfo=dt.UTC), []
    while at < UNTIL:
        later = at + dt.timedelta(hours=12)
        if at.astimezone(tz).utcoffset() != later.astimezone(tz).utcoffset():
            first = at.astimezone(tz).replace(tzinfo=None)
            moments += [first + dt.timedelta(minutes=15 * n) for n in range(-8, 60)]
        at = later
    for start in range(0, len(moments), 500):
        some = moments[start : start + 500]
        texts = ", ".join(f"(TIMESTAMP '{d}')" for d in some)
        found = con.execute(f"SELECT {instant('t', zone, UNTIL)} FROM (VALUES {texts}) AS v(t)").fetchall()
        assert [f for (f,) in found] == [expected(d, zone) for d in some]


def test_names_of_zones() -> None:
    assert {"UTC", "Europe/London", "America/Argentina/Buenos_Aires"} <= set(known_zones())
    assert not [z for z in known_zones() if z.startswith(("posix/", "right/"))]
