"""For tests of journals: what the edge service would have written."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from campaign_shop import RING
from collector_events import CLOCK
from marketflow.edge.collector import EventLog
from marketflow.privacy import COLLECTED, KeyRing
from marketflow.sources.readers.frames import scan, unbundle


def journal(folder: Path, records: Iterable[Any], keys: KeyRing = RING) -> Path:
    """A closed segment with these records, written by the log itself; its path."""
    before = set(folder.glob("*"))
    log = EventLog(folder, keys, CLOCK, reserve_bytes=0, name="test")
    log.start()

    async def all_of_them() -> None:
        await asyncio.gather(*(log.append(json.dumps(record).encode()) for record in records))

    asyncio.run(all_of_them())
    log.close()
    [path] = set(folder.glob("*")) - before
    return path


def recorded(folder: Path, keys: KeyRing = RING) -> list[dict[str, Any]]:
    """All records of the closed segments, oldest first; nothing is taken."""
    return [
        json.loads(request)
        for path in sorted(folder.glob("[!.]*.events"))
        for stretch in scan(path.read_bytes())
        if stretch.body is not None
        for request in unbundle(keys.decrypt(stretch.body, COLLECTED))
    ]
