"""Shows 5: senders are killed at random points, one sleeps and comes back; the server's own record says who got what."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from zoneinfo import ZoneInfo

import psutil
import psycopg
import pytest

from conftest import ROOT, free_port
from ledger_fixture import KEYS_JSON, Filled, by_state, fill, states
from marketflow.campaigns.delivery import unknown_sends
from marketflow.shared import Clock
from smtp_server import read_record

RECIPIENTS, KILLS, SENDERS, WINDOW = 2_000, 12, 3, 8
OPEN = ("released", "claimed", "sending", "deferred")
Process = subprocess.Popen[bytes]


def until(condition: Callable[[], bool], what: str, seconds: float = 120.0, seen: Callable[[], object] = str) -> None:
    """Wait for a condition, not for a time; `seen` tells how things stood when it did not come."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"waited {seconds} s for {what}: {seen()}"
        time.sleep(0.01)


@contextmanager
def mail_server(record: Path) -> Iterator[int]:
    """The SMTP server in a process of its own; its port."""
    port = free_port()
    command = [sys.executable, str(ROOT / "tests/smtp_server.py"), str(port), str(record)]
    process = subprocess.Popen(command, env={**os.environ, "PYTHONPATH": str(ROOT / "tests")})
    try:
        until(lambda: _listens(port), "the mail server")
        yield port
    finally:
        process.kill()
        process.wait()


def _listens(port: int) -> bool:
    import socket

    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


class Senders:
    """Sender processes, started anew as often as they end while there is work."""

    def __init__(self, dsn: str, port: int) -> None:
        self.command = [sys.executable, str(Path(__file__).with_name("sender_main.py")), str(port)]
        self.port = port
        self.env = {**os.environ, "TEST_DSN": dsn, "TEST_KEYS": KEYS_JSON}
        self.running: list[Process] = []
        self.failed = 0

    def top_up(self, count: int) -> None:
        """As Airflow would: a task that ended is scheduled again."""
        for process in [p for p in self.running if p.poll() is not None]:
            self.failed += process.returncode != 0
            self.running.remove(process)
        while len(self.running) < count:
            self.running.append(subprocess.Popen(self.command, env=self.env, stderr=subprocess.DEVNULL))

    def take(self, chance: random.Random) -> Process:
        """One of those that are in the middle of their work, no longer ours to restart."""
        busy: list[Process] = []

        def somebody_works() -> bool:
            self.top_up(SENDERS)
            busy[:] = [p for p in self.running if self._is_talking(p)]
            return bool(busy)

        until(somebody_works, "a sender at work")
        process = chance.choice(busy)
        self.running.remove(process)
        return process

    def are_gone(self) -> bool:
        """Has every one of them said what it knows?"""
        if any(p.poll() is None for p in self.running):
            return False
        self.failed += sum(p.returncode != 0 for p in self.running)
        self.running.clear()
        return True

    def _is_talking(self, process: Process) -> bool:
        """Does it hold a connection to the mail server? Then it has claimed messages."""
        try:
            return any(c.raddr and c.raddr.port == self.port for c in psutil.Process(process.pid).net_connections())
        except psutil.Error:
            return False

    def stop(self) -> None:
        for process in self.running:
            process.kill()
            process.wait()


@pytest.fixture
def senders(warehouse_dsn: str, tmp_path: Path) -> Iterator[Senders]:
    with mail_server(tmp_path / "accepted.jsonl") as port:
        group = Senders(warehouse_dsn, port)
        yield group
        group.stop()


def drained(conn: psycopg.Connection) -> bool:
    """Nothing is left to do, by one look: between two, a sweep may move messages from the state not yet seen."""
    return by_state(conn).keys().isdisjoint(OPEN)


def reconcile(conn: psycopg.Connection, filled: Filled, record: Path) -> Counter[str]:
    """Each message of the ledger against the server's record; the counts by state."""
    accepted = Counter(a.message_id for a in read_record(record))
    assert set(accepted.values()) == {1}, "somebody has two"
    found = dict(conn.execute("SELECT message_id, state FROM activation.sends").fetchall())
    assert set(found) == set(filled.message_ids)
    assert {m for m, state in found.items() if state == "sent"} <= set(accepted), "said to be sent, and was not"
    assert {m for m in found if m in accepted and found[m] not in ("sent", "unknown")} == set(), (
        "sent, and not said to be"
    )
    assert states(conn).keys() <= {("sent", None), ("unknown", "sender_lost")}, "somebody is lost"
    listed = unknown_sends(conn)
    assert {u.message_id for u in listed} == {m for m, state in found.items() if state == "unknown"}
    assert {u.reason for u in listed} <= {"sender_lost"}
    return Counter(found.values())


def test_killed_senders_double_nobody_and_lose_nobody(
    conn: psycopg.Connection, senders: Senders, tmp_path: Path
) -> None:
    record, chance = tmp_path / "accepted.jsonl", random.Random()
    filled = fill(conn, RECIPIENTS, now=Clock(time_zone=ZoneInfo("UTC")).now())
    # one event at each of these lengths of the server's record; a random one of them puts a sender to sleep
    points = sorted(chance.sample(range(1, RECIPIENTS * 3 // 4), KILLS + 1))
    sleepy_point = points[chance.randrange(KILLS // 2)]
    asleep: Process | None = None
    killed = 0
    for point in points:

        def reached(length: int = point) -> bool:
            senders.top_up(SENDERS)
            return record.exists() and record.read_bytes().count(b"\n") >= length

        until(reached, f"{point} accepted mails")
        process = senders.take(chance)
        if point == sleepy_point:
            process.send_signal(signal.SIGSTOP)
            asleep = process
        else:
            process.kill()
            process.wait()
            killed += 1

    def done() -> bool:
        if not drained(conn):
            senders.top_up(SENDERS)
            return False
        return senders.are_gone() and drained(conn)  # a slow one may take back an `unknown`

    until(
        done, "the queue to be empty", seen=lambda: (states(conn), [p.poll() for p in senders.running], senders.failed)
    )
    assert asleep is not None
    before = reconcile(conn, filled, record)
    assert before["unknown"] <= WINDOW * (killed + 1)
    asleep.send_signal(signal.SIGCONT)  # the orphan comes back, with messages in its hands
    # 1: it slept in the middle of a transaction, and longer than the server lets one last; it is as good as killed
    assert asleep.wait(30) in (0, 1)
    until(done, "what the orphan gave back")
    after = reconcile(conn, filled, record)
    assert after["unknown"] <= WINDOW * (killed + asleep.returncode), "the orphan says what it knows"
    assert after["sent"] + after["unknown"] == RECIPIENTS
    assert (killed, senders.failed) == (KILLS, 0)


def test_senders_side_by_side_double_nobody(conn: psycopg.Connection, senders: Senders, tmp_path: Path) -> None:
    filled = fill(conn, RECIPIENTS, now=Clock(time_zone=ZoneInfo("UTC")).now())
    senders.top_up(4)
    for process in senders.running:
        assert process.wait(120) == 0
    assert reconcile(conn, filled, tmp_path / "accepted.jsonl") == {"sent": RECIPIENTS}
