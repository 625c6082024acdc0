"""The log: what was acknowledged is there, in order, encrypted; what a crash or a full disk leaves hurts nobody."""

from __future__ import annotations

import asyncio
import errno
import fcntl
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from campaign_shop import RING
from collector_events import CLOCK, read, request, segment, track, write
from marketflow.edge.collector import EventLog
from marketflow.edge.collector import log as log_module
from marketflow.edge.collector.log import NotDurable, recover
from marketflow.sources.readers.frames import MAGIC


@pytest.fixture
def log(tmp_path: Path) -> Iterator[EventLog]:
    log = EventLog(tmp_path, RING, CLOCK, reserve_bytes=0)
    log.start()
    yield log
    if log._thread.is_alive():
        log.close()


def requests(*numbers: int) -> list[bytes]:
    return [request(track(n), sequence=n) for n in numbers]


def ids(folder: Path) -> list[str]:
    return [row["message_id"] for row in read(folder).rows]


def test_what_was_acknowledged_is_read_in_order(tmp_path: Path, log: EventLog) -> None:
    assert write(log, requests(*range(500))) == [None] * 500
    assert ids(tmp_path) == []  # the segment is still open
    log.close()
    assert ids(tmp_path) == [f"m-{n}" for n in range(500)]
    assert [p.suffix for p in tmp_path.iterdir()] == [".events"]


def test_it_is_durable_before_it_is_acknowledged(log: EventLog, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file is opened with O_DSYNC, so a write that has returned is on the disk; nobody is answered before."""
    seen: list[tuple[int, int]] = []
    answered: list[int] = []
    real = os.write

    def watched(file: int, data: Any) -> int:
        seen.append((fcntl.fcntl(file, fcntl.F_GETFL) & os.O_DSYNC, len(answered)))
        return real(file, data)

    monkeypatch.setattr(log_module.os, "write", watched)

    async def one() -> None:
        await log.append(requests(1)[0])
        answered.append(1)

    asyncio.run(one())
    assert [(flags, before) for flags, before in seen] == [(os.O_DSYNC, 0)] * 2  # the first line, the record


def test_its_name_is_durable_before_what_it_holds(
    tmp_path: Path, log: EventLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The folder is flushed when a segment is made, and again when it has its last name."""
    did: list[str] = []
    sync, write_all = log_module._sync, log_module._write_all
    monkeypatch.setattr(log_module, "_sync", lambda folder: (did.append(f"sync {folder.name}"), sync(folder)))
    monkeypatch.setattr(log_module, "_write_all", lambda file, data: (did.append(str(data[:4])), write_all(file, data)))
    write(log, requests(1))
    did.append("answered")
    write(log, requests(2))
    log.close()
    folder = f"sync {tmp_path.name}"
    assert did == [str(MAGIC[:4]), folder, str(b"\xf5MFR"), "answered", str(b"\xf5MFR"), folder]


def test_many_that_wait_share_a_write(log: EventLog, monkeypatch: pytest.MonkeyPatch) -> None:
    groups: list[int] = []
    real = log._write
    monkeypatch.setattr(log, "_write", lambda data: (groups.append(len(data)), real(data))[1])
    assert write(log, requests(*range(1_000))) == [None] * 1_000
    assert len(groups) < 10


def test_enough_that_wait_do_not_wait_longer(log: EventLog, monkeypatch: pytest.MonkeyPatch) -> None:
    """The pause gathers a group; without an end of it, all connections would wait for each other, in step."""
    monkeypatch.setattr(log_module, "_PAUSE", 3_600.0)

    async def crowd() -> None:
        first = [asyncio.ensure_future(log.append(one)) for one in requests(1, 2)]
        await first[0]
        await asyncio.sleep(0)
        assert log._pause
        rest = [log.append(one) for one in requests(*range(3, log_module._ENOUGH + 2))]
        await asyncio.wait_for(asyncio.gather(*first, *rest), 20)
        await asyncio.wait_for(log.append(requests(1_000)[0]), 20)

    asyncio.run(crowd())
    assert log._pause is None


def test_nothing_stands_in_clear(tmp_path: Path, log: EventLog) -> None:
    write(log, [request(track(userId="Xanthippa", email="x@mail.example.com"))])
    log.close()
    [path] = tmp_path.iterdir()
    assert b"Xanthippa" not in path.read_bytes()
    assert b"track" not in path.read_bytes()
    assert (path.stat().st_mode & 0o777, tmp_path.stat().st_mode & 0o077 == 0) == (0o600, True)


def test_a_large_group_is_several_records(tmp_path: Path, log: EventLog) -> None:
    big = [request(track(n, properties={"a": "x" * 300_000})) for n in range(12)]
    assert write(log, big) == [None] * 12
    log.close()
    assert len(read(tmp_path).rows) == 12


def test_a_segment_is_closed_when_it_is_large(tmp_path: Path) -> None:
    log = EventLog(tmp_path, RING, CLOCK, segment_bytes=2_000, reserve_bytes=0)
    log.start()
    for n in range(20):
        write(log, requests(n))
    log.close()
    assert len(list(tmp_path.iterdir())) > 2
    assert ids(tmp_path) == [f"m-{n}" for n in range(20)]


def test_a_segment_is_closed_when_it_is_old_without_another_event(tmp_path: Path) -> None:
    log = EventLog(tmp_path, RING, CLOCK, segment_seconds=0.1, reserve_bytes=0)
    log.start()
    write(log, requests(1))
    deadline = time.monotonic() + 10
    while not ids(tmp_path) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert ids(tmp_path) == ["m-1"]
    log.close()


def test_what_a_killed_collector_left_is_closed_at_the_next_start(tmp_path: Path) -> None:
    log = EventLog(tmp_path, RING, CLOCK, reserve_bytes=0)
    log.start()
    write(log, requests(1, 2))
    [left] = tmp_path.iterdir()
    torn = left.read_bytes() + b"\xf5MFR\x00\x00\x10\x00half of a rec"
    log.close()
    for path in tmp_path.iterdir():
        path.unlink()
    (tmp_path / ".20260101T000000000000-aaaaaaaa.events").write_bytes(torn)
    (tmp_path / ".20260101T000000000001-bbbbbbbb.events").write_bytes(MAGIC[:3])
    (tmp_path / ".20260101T000000000002-cccccccc.events").write_bytes(b"")
    assert recover(tmp_path) == 3
    assert [p.name for p in tmp_path.iterdir()] == ["20260101T000000000000-aaaaaaaa.events"]
    assert (ids(tmp_path), read(tmp_path).bad) == (["m-1", "m-2"], [])


def test_what_is_no_segment_is_left_as_it_is(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Such as one of a later version, after a step back: its events were acknowledged."""
    strange = {
        ".20260101T000000000000-aaaaaaaa.events": b"MFCOLL2\nrecords",
        ".b.events": b"MFC?",
        ".c.events": b"notes",
    }
    torn = {".d.events": MAGIC + b"\xf5MFR", ".e.events": bytes(4_096), ".f.events": MAGIC[:4] + bytes(10)}
    for name, data in (strange | torn).items():
        (tmp_path / name).write_bytes(data)
    assert recover(tmp_path) == len(torn)
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == strange
    assert [r.getMessage() for r in caplog.records if "is no segment" in r.getMessage()] == [
        f"{name} is no segment of a log and is left as it is" for name in strange
    ]


def test_one_segment_that_cannot_be_opened_does_not_keep_it_from_starting(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Here a folder has its name; a file of somebody else's, without the right to open it, is the same."""
    (tmp_path / ".20260101T000000000000-aaaaaaaa.events").mkdir()
    (tmp_path / ".20260101T000000000001-bbbbbbbb.events").write_bytes(segment(requests(1)))
    log = EventLog(tmp_path, RING, CLOCK, reserve_bytes=0)
    log.start()
    assert write(log, requests(2)) == [None]
    log.close()
    assert min(p.name for p in tmp_path.iterdir()) == ".20260101T000000000000-aaaaaaaa.events"
    assert "-aaaaaaaa.events cannot be closed (Is a directory) and is left as it is" in caplog.text
    (tmp_path / ".20260101T000000000000-aaaaaaaa.events").rmdir()
    assert ids(tmp_path) == ["m-1", "m-2"]


def test_the_folders_that_it_makes_are_durable_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[Path] = []
    real = log_module._sync
    monkeypatch.setattr(log_module, "_sync", lambda folder: (synced.append(folder), real(folder)))
    for expected in ({tmp_path, tmp_path / "a"}, set()):
        log = EventLog(tmp_path / "a" / "b", RING, CLOCK, reserve_bytes=0)
        log.start()
        log.close()
        assert set(synced) == expected
        synced.clear()


def test_a_living_collectors_segment_is_left_alone(tmp_path: Path, log: EventLog) -> None:
    write(log, requests(1))
    second = EventLog(tmp_path, RING, CLOCK, reserve_bytes=0)
    second.start()
    write(second, requests(2))
    write(log, requests(3))
    for one in (log, second):
        one.close()
    assert sorted(ids(tmp_path)) == ["m-1", "m-2", "m-3"]


class FullDisk:
    """os.write that has room for so many bytes, and half of a record more."""

    def __init__(self, room: int) -> None:
        self.room, self.real = room, os.write

    def __call__(self, file: int, data: Any) -> int:
        if self.room <= 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        written = self.real(file, bytes(data)[: self.room])
        self.room -= written
        return written


@pytest.mark.parametrize("room", [0, 4, 100, 500, 700])
def test_a_full_disk_acknowledges_nothing_and_loses_nothing(
    tmp_path: Path, log: EventLog, monkeypatch: pytest.MonkeyPatch, room: int
) -> None:
    assert write(log, requests(1)) == [None]
    disk = FullDisk(room)
    monkeypatch.setattr(log_module.os, "write", disk)
    outcomes = [write(log, requests(n))[0] for n in range(2, 6)]
    assert isinstance(outcomes[-1], NotDurable)
    assert log.problem == "No space left on device"
    disk.room = 1 << 30
    assert write(log, requests(6)) == [None]
    assert log.problem == ""
    log.close()
    taken = [f"m-{n}" for n, outcome in zip(range(2, 6), outcomes, strict=True) if outcome is None]
    assert ids(tmp_path) == ["m-1", *taken, "m-6"]
    assert read(tmp_path).bad == []


def test_a_failed_write_is_a_problem_for_a_while_only(
    tmp_path: Path, log: EventLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No event comes while /health says 503: somebody must be let in to find that the disk has recovered."""
    disk = FullDisk(0)
    monkeypatch.setattr(log_module.os, "write", disk)
    assert isinstance(write(log, requests(1))[0], NotDurable)
    assert log.problem == "No space left on device"
    monkeypatch.setattr(log_module, "_REPORTED_SECONDS", 0.0)
    assert log.problem == ""
    assert isinstance(write(log, requests(2))[0], NotDurable), "the disk itself is asked each time"
    disk.room = 1 << 30
    assert write(log, requests(3)) == [None]
    log.close()
    assert ids(tmp_path) == ["m-3"]


def test_room_is_left_for_the_database_beside_it(tmp_path: Path) -> None:
    log = EventLog(tmp_path, RING, CLOCK, reserve_bytes=1 << 60)
    log.start()
    [outcome] = write(log, requests(1))
    assert isinstance(outcome, NotDurable)
    assert log.problem == "less room on the disk than is kept free"
    log.close()
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_taken_away_and_comes_back(tmp_path: Path) -> None:
    folder = tmp_path / "collected"
    log = EventLog(folder, RING, CLOCK, reserve_bytes=0)
    log.start()
    folder.rmdir()
    assert isinstance(write(log, requests(1))[0], NotDurable)
    assert log.problem
    folder.mkdir()
    assert write(log, requests(2)) == [None]
    log.close()
    assert ids(folder) == ["m-2"]
