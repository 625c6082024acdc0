"""What a request may hold of the memory: less without a key in its header, and nothing while its answer is read."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import MutableMapping
from pathlib import Path
from typing import Any

import pytest

from campaign_shop import RING
from collector_events import CLOCK, track
from marketflow.edge.collector import Collector, EventLog, WriteKeys
from marketflow.edge.collector.body import STRANGERS_BYTES

KEY = "public-web-key"
BODY = json.dumps({"batch": [track()], "writeKey": KEY, "x": "y" * 500_000}).encode()
TOO_MANY = 64 * (1 << 20) // len(BODY) + 10


class Quick(EventLog):
    """A log that is always there."""

    async def append(self, record: bytes) -> None:
        """Nothing is kept."""


class Client:
    """One request; `status` is None until it is answered."""

    def __init__(self, body: bytes, *, has_header: bool = True, finishes: bool = True, reads: bool = True) -> None:
        self.body, self.finishes, self.reads = body, finishes, reads
        self.status: int | None = None
        header = (b"authorization", b"Basic " + base64.b64encode(f"{KEY}:".encode()))
        self.scope = {"path": "/v1/batch", "method": "POST", "headers": [header] if has_header else []}
        self._sent = False

    async def receive(self) -> MutableMapping[str, Any]:
        if self._sent:
            await asyncio.Event().wait()
        self._sent = True
        return {"type": "http.request", "body": self.body, "more_body": not self.finishes}

    async def send(self, message: MutableMapping[str, Any]) -> None:
        self.status = message.get("status", self.status)
        if not self.reads:
            await asyncio.Event().wait()


@pytest.fixture
def collector(tmp_path: Path) -> Collector:
    return Collector(Quick(tmp_path, RING, CLOCK), WriteKeys.parse(f"web:public={KEY}"), CLOCK)


def statuses(collector: Collector, crowd: list[Client], *after: Client) -> list[int | None]:
    """The answers to those who come `after`, while the crowd is still there."""

    async def run() -> None:
        tasks = [asyncio.create_task(collector(one.scope, one.receive, one.send)) for one in crowd]
        for _ in range(20):
            await asyncio.sleep(0)
        for one in after:
            await collector(one.scope, one.receive, one.send)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    asyncio.run(run())
    return [one.status for one in after]


def test_those_without_a_key_in_the_header_leave_room_for_those_with_one(collector: Collector) -> None:
    crowd = [Client(BODY, has_header=False, finishes=False) for _ in range(STRANGERS_BYTES // len(BODY))]
    assert statuses(collector, crowd, Client(BODY, has_header=False), Client(BODY)) == [503, 200]
    assert statuses(collector, [], Client(BODY, has_header=False)) == [200], "all of it was given back"


def test_a_key_in_the_header_has_an_end_too(collector: Collector) -> None:
    assert statuses(collector, [Client(BODY, finishes=False) for _ in range(TOO_MANY)], Client(BODY)) == [503]


@pytest.mark.parametrize("body", [BODY, b"{" * 500_000])
def test_who_does_not_read_the_answer_holds_nothing(collector: Collector, body: bytes) -> None:
    crowd = [Client(body, reads=False) for _ in range(TOO_MANY)]
    assert statuses(collector, crowd, Client(BODY)) == [200]
    assert all(one.status in (200, 400) for one in crowd)


def test_the_rate_is_asked_before_the_messages_are(tmp_path: Path) -> None:
    """Judging costs the most; a key that sends too much shall not buy it with requests that are refused anyway."""
    limited = Collector(Quick(tmp_path, RING, CLOCK), WriteKeys.parse(f"web:public={KEY}"), CLOCK, per_second=1)
    bad = json.dumps({"batch": [{"type": "x"}] * 10}).encode()
    assert statuses(limited, [], Client(bad), Client(bad)) == [200, 429]
    single = Client(b"{}")
    single.scope["path"] = "/v1/track"
    assert statuses(limited, [], single) == [429]
