"""For tests of the collector: messages, a log written as the edge service writes it, and what its reader makes of it."""

from __future__ import annotations

import asyncio
import datetime as dt
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from campaign_shop import RING
from marketflow.edge.collector import EventLog
from marketflow.privacy import COLLECTED, KeyRing
from marketflow.shared import Clock
from marketflow.sources.places.collector import CollectorPlace
from marketflow.sources.readers.block import BadRecord
from marketflow.sources.readers.frames import MAGIC, bundle, frame

CLOCK = Clock(time_zone=ZoneInfo("UTC"))
RECEIVED = dt.datetime(2026, 11, 22, 9, 0, tzinfo=dt.UTC)


def track(number: int = 1, **more: Any) -> dict[str, Any]:
    """A track call's message."""
    return {
        "type": "track", "messageId": f"m-{number}", "userId": f"c{number}", "event": "Product Viewed",
        "properties": {"product_id": "p1", "price": 2.5},
    } | more  # fmt: skip


def request(message: Any, *, call: str = "track", sequence: int = 1, public: bool = False) -> bytes:
    """A request as it stands in the log."""
    head = {"at": RECEIVED.isoformat(), "call": call, "key": "shop", "public": public, "id": f"r{sequence}"}
    return json.dumps(head).encode() + b"\n" + json.dumps(message, ensure_ascii=False).encode()


def segment(requests: Iterable[bytes], keys: KeyRing = RING) -> bytes:
    """The bytes of a segment, a record for each request."""
    return MAGIC + b"".join(frame(keys.encrypt(bundle([one]), COLLECTED)) for one in requests)


def write(log: EventLog, records: Iterable[bytes]) -> list[BaseException | None]:
    """Append all at once, as requests would; what each got."""

    async def all_of_them() -> list[BaseException | None]:
        return await asyncio.gather(*(log.append(record) for record in records), return_exceptions=True)

    return asyncio.run(all_of_them())


@dataclass
class Found:
    """What the reader gave."""

    rows: list[dict[str, Any]]
    bad: list[BadRecord]
    numbers: list[int]

    def properties(self, index: int = 0) -> dict[str, Any]:
        """Of a row, as JSON says them."""
        return dict(json.loads(self.rows[index]["properties"]))

    @property
    def reasons(self) -> list[str]:
        """Of the bad records."""
        return [b.reason for b in self.bad]


def read(folder: Path, keys: KeyRing = RING) -> Found:
    """All closed segments of a folder."""
    found = Found([], [], [])
    for item in CollectorPlace(folder=folder, keys=keys).items():
        with item.read() as reader:
            for block in reader.blocks():
                found.rows += block.rows.to_pylist()
                found.bad += block.bad
                found.numbers += block.numbers.to_pylist()
    return found


def read_requests(folder: Path, *requests: bytes) -> Found:
    """What the reader makes of these requests."""
    folder.mkdir(exist_ok=True)
    (folder / "20261122T090000000000-00000000.events").write_bytes(segment(requests))
    return read(folder)


def read_messages(folder: Path, *messages: Any, sent_at: str | None = None) -> Found:
    """What the reader makes of a batch."""
    return read_requests(
        folder, request({"batch": list(messages)} | ({"sentAt": sent_at} if sent_at else {}), call="batch")
    )
