"""Who has one link can ask for ever: a message is recorded so often a minute, and counting them takes bounded room."""

from __future__ import annotations

from pathlib import Path

import pytest

from campaign_shop import RING
from ledger_fixture import HandClock
from marketflow.edge import tracking
from marketflow.edge.collector import EventLog
from marketflow.edge.tracking import PER_MINUTE, Tracker


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def tracker(tmp_path: Path, clock: HandClock) -> Tracker:
    return Tracker(EventLog(tmp_path, RING, clock, reserve_bytes=0), RING, clock, "Shop")


def test_each_message_has_its_number_a_minute(
    tracker: Tracker, clock: HandClock, caplog: pytest.LogCaptureFixture
) -> None:
    assert [tracker._is_flood(1) for _ in range(PER_MINUTE + 5)] == [False] * PER_MINUTE + [True] * 5
    assert not tracker._is_flood(2)
    assert len(caplog.records) == 1  # once a minute, not once a request
    assert tracker.state == "ok; 5 not recorded since the start"
    clock.pass_time(minutes=1)
    assert not tracker._is_flood(1)


def test_what_is_counted_takes_bounded_room(tracker: Tracker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tracking, "_MESSAGES", 100)
    assert not any(tracker._is_flood(n) for n in range(1_000))
    assert len(tracker._seen) <= 100
