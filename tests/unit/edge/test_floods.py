"""Who has one link can ask for ever: a message is recorded so often, and counting them takes bounded room."""

from __future__ import annotations

import asyncio
import datetime as dt
import time
from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette

from campaign_shop import RING
from journals import recorded
from ledger_fixture import NOW, HandClock
from marketflow.edge import floods
from marketflow.edge.collector import EventLog
from marketflow.edge.floods import PER_DAY, PER_MINUTE, Floods
from marketflow.edge.tracking import PIXEL, Tracker
from marketflow.privacy import click_token, message_token


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def counted(clock: HandClock) -> Floods:
    return Floods(clock)


def test_each_message_has_its_number_a_minute(
    counted: Floods, clock: HandClock, caplog: pytest.LogCaptureFixture
) -> None:
    assert [counted.is_flood(1) for _ in range(PER_MINUTE + 5)] == [False] * PER_MINUTE + [True] * 5
    assert not counted.is_flood(2)
    assert len(caplog.records) == 1  # once a minute, not once a request
    clock.pass_time(minutes=1)
    assert not counted.is_flood(1)


def test_each_message_has_its_number_a_day(counted: Floods, clock: HandClock, caplog: pytest.LogCaptureFixture) -> None:
    """Once a second would be 86,400 rows a day."""
    found = []
    for _ in range(PER_DAY // 30 + 20):
        found += [counted.is_flood(1) for _ in range(30)]
        clock.pass_time(minutes=1)
    assert found.count(False) == PER_DAY
    assert found[PER_DAY:] == [True] * (len(found) - PER_DAY)
    assert not counted.is_flood(2)
    assert len(caplog.records) == 1  # once a day
    clock.pass_time(days=1)
    assert not counted.is_flood(1)


def test_what_is_counted_takes_bounded_room_and_forgets_no_flood(
    counted: Floods, clock: HandClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(floods, "_MESSAGES", 100)
    monkeypatch.setattr(floods, "PER_DAY", 40)
    assert not any(counted.is_flood(0) for _ in range(40))
    clock.pass_time(minutes=1)
    assert not any(counted.is_flood(n) for n in range(1, 1_000))
    assert len(counted._in_minute) <= 100
    assert len(counted._in_day) <= 100
    assert counted.is_flood(0)


@pytest.mark.parametrize("kind", ["open", "click"])
def test_nobody_waits_for_a_disk_that_does_not_answer(tmp_path: Path, clock: HandClock, kind: str) -> None:
    """The log's thread is not there yet: as with a disk that hangs, what is handed over is not written until it is."""
    day = NOW.astimezone(dt.UTC).date()
    journal = EventLog(tmp_path, RING, clock, reserve_bytes=0)
    tracker = Tracker(journal, RING, clock, "Shop")
    path = {
        "open": f"/o/{message_token(RING, 'open', 7, day)}.gif",
        "click": f"/c/{click_token(RING, 7, day, 'https://shop.example.com/p')}",
    }[kind]

    async def asked() -> httpx.Response:
        transport = httpx.ASGITransport(Starlette(routes=tracker.routes()))
        async with httpx.AsyncClient(transport=transport, base_url="http://edge.test") as client:
            begun = time.monotonic()
            late = await client.get(path)
            assert 1 < time.monotonic() - begun < 10
            journal.start()
            in_time = await client.get(path)
            assert "tracking" not in in_time.headers
        return late

    found = asyncio.run(asyncio.wait_for(asked(), 20))
    journal.close()
    assert found.headers["tracking"] == "not recorded"
    if kind == "click":
        assert (found.status_code, found.headers["location"]) == (302, "https://shop.example.com/p")
    else:
        assert found.content == PIXEL
    assert tracker.state == "ok; 1 not recorded since the start"
    assert len(recorded(tmp_path)) == 2  # what was late got there after all
