"""Show 4: the public Segment library sends while collector and database are killed; nothing is missing, nothing double.

What was acknowledged is written down where the library's own `post` returns. Meanwhile the log is drained into raw and
core, over and over, as the DAG does; that job is hit by the database's deaths too.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import os
import random
import signal
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import psycopg
import pytest
import segment.analytics.consumer as library
from segment.analytics.client import Client

from campaign_shop import RING
from collector_events import read
from conftest import NOW, PASSWORDS, SCRATCH, free_port, owner_dsn
from edge_process import SERVER, EdgeProcess
from marketflow.embedded.postgres import Server
from marketflow.privacy import EMAIL
from marketflow.shared import Clock, ConfigurationError, MarketflowError, Shop
from marketflow.shared.ids import event_id
from marketflow.sources import forget_drained, load_sources, take_in
from marketflow.sources.places.collector import CollectorPlace
from marketflow.warehouse import bootstrap, build_core, connect, migrate

pytestmark = pytest.mark.timeout(600)

EVENTS, CUSTOMERS = 10_000, 200
COLLECTOR_KILLS, DATABASE_KILLS = 5, 3
CLOCK = Clock(time_zone=ZoneInfo("UTC"))
SHOP = Shop(time_zone="UTC", country="US", locale="en-US", currency="USD")


@dataclass
class Database:
    """A PostgreSQL server of its own, to be killed."""

    server: Server

    @property
    def owner(self) -> str:
        return owner_dsn(self.server, "warehouse")

    @property
    def edge(self) -> str:
        return f"postgresql://marketflow_edge:{PASSWORDS['edge']}@127.0.0.1:{self.server.port}/warehouse"

    def start(self) -> None:
        """Also after a kill: the dead server's children may need a moment to go."""
        deadline = time.monotonic() + 60
        while True:
            try:
                self.server.start()
            except ConfigurationError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.2)
            else:
                return

    def kill(self) -> None:
        """kill -9 of the postmaster."""
        pid = int((self.server.data / "postmaster.pid").read_text().split("\n", 1)[0])
        os.kill(pid, signal.SIGKILL)


@dataclass
class Drain:
    """What the DAG does every minute, over and over in a thread, until `stop`; the gate has tests of its own."""

    dsn: str
    folder: Path
    runs: int = 0
    interrupted: int = 0
    forgotten: int = 0
    stop: threading.Event = field(default_factory=threading.Event)

    def once(self) -> None:
        [source] = [s for s in load_sources() if s.name == "collector"]
        with connect(self.dsn, "owner") as conn:
            take_in(conn, source, CollectorPlace(folder=self.folder, keys=RING), keys=RING, clock=CLOCK, shop=SHOP)
            conn.execute("UPDATE ops.loads SET state = 'passed' WHERE state = 'loaded'")
            conn.commit()
            build_core(conn, clock=CLOCK, shop=SHOP)
            conn.commit()
            self.forgotten += forget_drained(conn, self.folder)
        self.runs += 1

    def __call__(self) -> None:
        while not self.stop.is_set():
            try:
                self.once()
            except (psycopg.Error, MarketflowError):
                self.interrupted += 1
                self.stop.wait(0.1)
            self.stop.wait(0.05)


@dataclass
class Sender:
    """The library as a shop's server uses it; `acknowledged` has every message of which it was told that it arrived."""

    port: int
    acknowledged: dict[str, dict[str, Any]] = field(default_factory=dict)
    given_up: list[Any] = field(default_factory=list)
    attempts_failed: int = 0
    sent: dict[str, dict[str, Any]] = field(default_factory=dict)
    allowed: int = 0
    more: threading.Condition = field(default_factory=threading.Condition)

    def allow(self, events: int) -> None:
        """Hand so many events to the library, in all: the kills shall meet it at work, not after it."""
        with self.more:
            self.allowed = events
            self.more.notify()

    def listen(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Write down what the library's own `post` says."""
        real = library.post

        def post(*arguments: Any, batch: list[dict[str, Any]], **options: Any) -> Any:
            try:
                answer = real(*arguments, batch=batch, **options)
            except Exception:
                self.attempts_failed += 1
                raise
            assert answer.json() == {"success": True}
            self.acknowledged.update({m["messageId"]: m for m in batch})
            return answer

        monkeypatch.setattr(library, "post", post)

    def run(self) -> None:
        """Send everything: two clients, one of which packs its batches."""
        clients = [
            Client(
                SERVER, host=f"http://127.0.0.1:{self.port}", gzip=packs, upload_size=20, max_queue_size=2 * EVENTS,
                max_retries=50, timeout=10, on_error=lambda error, batch: self.given_up.append((error, len(batch))),
            )
            for packs in (False, True)
        ]  # fmt: skip
        for n in range(EVENTS):
            with self.more:
                self.more.wait_for(lambda n=n: n < self.allowed)
            taken, message = call(clients[n % 2], n)
            assert taken
            self.sent[message["messageId"]] = message
        for client in clients:
            client.flush()
            client.join()


def call(client: Client, number: int) -> Any:
    """One event of a customer; now and then a page, or who it is."""
    user = f"c{number % CUSTOMERS}"
    if number % 50 == 7:
        return client.identify(user, {"email": f"{user}@mail.example.com", "plan": "gold"})
    if number % 10 == 3:
        return client.page(user, name="Prices", properties={"path": f"/prices/{number}"})
    return client.track(user, "Product Viewed", {"number": number, "product_id": f"p{number % 30}", "words": "é" * 20})


@pytest.fixture
def database() -> Iterator[Database]:
    found = Database(Server(home=SCRATCH / "killed-pg", port=free_port(), password="test-only"))
    found.start()
    bootstrap(found.server.dsn(), "warehouse", PASSWORDS)
    with connect(found.owner) as conn:
        migrate(conn, NOW)
    yield found
    found.server.stop()


def hammer(edge: EdgeProcess, database: Database, sender: Sender, until: Callable[[], bool]) -> None:
    """Kill and restart both at random moments, spread over the sending."""
    chance = random.Random()
    kills = [edge] * COLLECTOR_KILLS + [database] * DATABASE_KILLS
    chance.shuffle(kills)
    share = EVENTS // len(kills)
    for number, victim in enumerate(kills):
        sender.allow((number + 1) * share)
        goal = (number + 0.8 * chance.random()) * share
        while len(sender.acknowledged) < goal and not until():
            time.sleep(0.0005)
        victim.kill()
        victim.start()
    sender.allow(EVENTS)


def test_nothing_acknowledged_is_missing_and_nothing_is_double(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    edge = EdgeProcess(tmp_path, dsn=database.edge, collector_segment_seconds=0.3)
    sender, drain = Sender(edge.port), Drain(database.owner, edge.folder)
    sender.listen(monkeypatch)
    edge.start()
    threads = [threading.Thread(target=sender.run, daemon=True), threading.Thread(target=drain, daemon=True)]
    for thread in threads:
        thread.start()
    try:
        hammer(edge, database, sender, until=lambda: not threads[0].is_alive())
        threads[0].join(240)
        assert not threads[0].is_alive(), "the library did not get rid of its events"
    finally:
        drain.stop.set()
        threads[1].join(60)
        with contextlib.suppress(AssertionError):
            edge.stop()
    drain.once()
    assert sender.given_up == []
    assert sender.attempts_failed > 0, "no kill met the library at work"
    assert len(sender.sent) == len(sender.acknowledged) == EVENTS
    compare(database, sender)
    assert (read(edge.folder).rows, drain.forgotten > 0) == ([], True), "what core has is deleted from the log"


def compare(database: Database, sender: Sender) -> None:
    """Rows of core with what was acknowledged, by messageId and payload."""
    with psycopg.connect(database.owner) as conn:
        rows = conn.execute(
            "SELECT e.event_id, e.event_type, i.external_id, e.occurred_at, e.properties FROM core.events AS e"
            " JOIN core.customer_identifiers AS i USING (source, customer_id)"
        ).fetchall()
        [(read_rows, loaded, bad)] = conn.execute(
            "SELECT sum(records_read), sum(records_loaded), sum(records_quarantined) FROM ops.loads"
        ).fetchall()
        mails = {RING.decrypt_text(a, EMAIL) for (a,) in conn.execute("SELECT address FROM core.contact_points")}
    expected = {event_id("shop", name): message for name, message in sender.acknowledged.items()}
    assert len(rows) == len(expected)
    assert {row[0] for row in rows} == expected.keys()
    for name, kind, user, at, properties in rows:
        message = expected[name]
        assert (kind, user) == (message.get("event", message["type"]).lower().replace(" ", "_"), message["userId"])
        collected = properties.pop("_collected")
        given = message.get("properties", {"plan": "gold"})
        assert {k: v for k, v in properties.items() if k in given} == given
        assert collected["library"]["name"] == "analytics-python"
        assert abs(at - dt.datetime.fromisoformat(message["timestamp"])) < dt.timedelta(seconds=5)
    assert (int(read_rows), int(bad)) == (int(loaded), 0)
    assert mails == {f"{m['userId']}@mail.example.com" for m in sender.acknowledged.values() if m["type"] == "identify"}
