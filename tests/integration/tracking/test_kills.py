"""Opens and clicks over HTTP while the edge service and PostgreSQL are killed: what was acknowledged is there, once."""

from __future__ import annotations

import contextlib
import datetime as dt
import os
import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qs, urlsplit
from zoneinfo import ZoneInfo

import httpx
import psycopg
import pytest

from campaign_shop import RING
from conftest import NOW, PASSWORDS, SCRATCH, free_port, owner_dsn
from edge_process import EdgeProcess
from ledger_fixture import fill
from marketflow.campaigns.tracking import is_waiting, take_tracking
from marketflow.embedded.postgres import Server
from marketflow.privacy import click_token, message_token
from marketflow.shared import Clock, MarketflowError
from marketflow.warehouse import bootstrap, connect, migrate

TODAY = dt.datetime.now(dt.UTC).date()
CLIENTS = 4


@pytest.fixture
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    """A PostgreSQL server of the test's own, to be killed."""
    server = Server(home=SCRATCH / f"pg-of-{request.node.name}", port=free_port(), password="test-only")
    server.start()
    try:
        bootstrap(server.dsn(), "warehouse", PASSWORDS)
        with connect(owner_dsn(server, "warehouse")) as conn:
            migrate(conn, NOW)
        yield server
    finally:
        server.stop()


@dataclass
class Readers:
    """People who open and click, through an edge service that comes and goes; what they tried and what was acknowledged."""

    port: int
    sends: list[int]
    clicked: dict[str, str] = field(default_factory=dict)  # by the id in the answer, the address
    opened: Counter[int] = field(default_factory=Counter)
    tried_opens: Counter[int] = field(default_factory=Counter)
    tried: int = 0
    is_over: bool = False

    def read(self, numbers: range) -> None:
        """One reader's share: every other one is a click, in an address of its own each time."""
        with httpx.Client(base_url=f"http://127.0.0.1:{self.port}", timeout=20) as client:
            for number in numbers:
                send_id, attempt = self.sends[number % len(self.sends)], 0
                while not self._once(client, send_id, f"{number}-{attempt}", is_click=number % 2 == 1):
                    if self.is_over:
                        return
                    attempt += 1
                    time.sleep(0.02)

    def _once(self, client: httpx.Client, send_id: int, name: str, *, is_click: bool) -> bool:
        url = f"https://shop.example.com/{name}"
        path = (
            f"/c/{click_token(RING, send_id, TODAY, url)}"
            if is_click
            else f"/o/{message_token(RING, 'open', send_id, TODAY)}.gif"
        )
        self.tried += 1
        self.tried_opens[send_id] += not is_click
        try:
            answer = client.get(path)
        except httpx.TransportError:
            return False
        assert (answer.status_code, "tracking" in answer.headers) == (302 if is_click else 200, False)
        if is_click:
            [event_id] = parse_qs(urlsplit(answer.headers["location"]).query)["mf_click"]
            self.clicked[event_id] = url
        else:
            self.opened[send_id] += 1
        return True


def taking(dsn: str, folder: Path, ended: threading.Event) -> None:
    """What the DAG does every minute, without pause, whatever becomes of the database; a minute longer at most."""
    clock, deadline = Clock(time_zone=ZoneInfo("UTC")), 0.0
    while not ended.is_set() or (is_waiting(folder) and time.monotonic() < deadline):
        deadline = deadline if ended.is_set() else time.monotonic() + 60
        with contextlib.suppress(psycopg.Error), connect(dsn, "sender") as conn:
            found = take_tracking(conn, folder, RING, clock)
            assert not found.problems
            assert found.unknown_messages == found.malformed == 0
        time.sleep(0.05)


def kill_postgres(server: Server) -> None:
    """kill -9 of the postmaster, and a start as soon as its children are gone."""
    os.kill(int((server.data / "postmaster.pid").read_text().split()[0]), signal.SIGKILL)
    deadline = time.monotonic() + 60
    while True:
        with contextlib.suppress(MarketflowError, OSError, RuntimeError):
            server.start()
            return
        assert time.monotonic() < deadline
        time.sleep(0.1)


def kill_now_and_then(
    readers: Readers, running: list[Future[None]], server: Server, edge: EdgeProcess, goals: list[int]
) -> None:
    """One after the other, each when so much has been acknowledged."""
    chance = random.Random(7)
    for number, goal in enumerate(goals):
        while len(readers.clicked) + readers.opened.total() < goal and not all(one.done() for one in running):
            time.sleep(0.01)
        time.sleep(chance.uniform(0, 0.3))
        if number % 2:
            kill_postgres(server)
        else:
            edge.kill()
            edge.start()


def through_kills(server: Server, home: Path, *, events: int, kills: int) -> None:
    dsn = owner_dsn(server, "warehouse")
    with connect(dsn) as conn:
        sends = fill(conn, events // 10).send_ids
    ended = threading.Event()
    with EdgeProcess(home, journal_seconds=0.5) as edge, ThreadPoolExecutor(CLIENTS + 1) as pool:
        readers, folder = Readers(edge.port, sends), edge.folder / "tracked"
        shares = [range(n, events, CLIENTS) for n in range(CLIENTS)]
        running = [pool.submit(readers.read, share) for share in shares]
        taker = pool.submit(taking, dsn, folder, ended)
        try:
            kill_now_and_then(readers, running, server, edge, [events * (n + 1) // (kills + 2) for n in range(kills)])
            for one in running:
                one.result(600)
            edge.stop()  # closes its last segment
        finally:
            readers.is_over = True
            ended.set()
        taker.result(120)
    _compare(dsn, readers, folder, events)


def _compare(dsn: str, readers: Readers, folder: Path, events: int) -> None:
    with connect(dsn) as conn:
        clicks = {
            str(i): u
            for i, u in conn.execute("SELECT event_id, url FROM activation.tracking_events WHERE kind = 'click'")
        }
        opens = Counter(
            dict(
                conn.execute(
                    "SELECT send_id, count(*) FROM activation.tracking_events WHERE kind = 'open' GROUP BY 1"
                ).fetchall()
            )
        )
    assert len(readers.clicked) + readers.opened.total() == events
    assert {i: clicks.get(i) for i in readers.clicked} == readers.clicked  # none is lost
    assert all(opens[s] >= n for s, n in readers.opened.items())
    assert len(set(clicks.values())) == len(clicks)  # none is doubled
    assert all(n <= readers.tried_opens[s] for s, n in opens.items())
    assert len(clicks) + opens.total() <= readers.tried
    assert readers.tried > events  # kills were felt
    assert not list(folder.iterdir())


def test_a_few_hundred_events_through_kills(server: Server, tmp_path: Path) -> None:
    through_kills(server, tmp_path, events=400, kills=3)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_ten_thousand_events_through_kills(server: Server, tmp_path: Path) -> None:
    through_kills(server, tmp_path, events=10_000, kills=10)
