"""The server of `collector_vs_empty`: the edge service as it is, and an empty handler beside it at /empty.

`python -m benchmarks._collector_server PORT FOLDER`: both in one process, with the same options of uvicorn.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from marketflow.edge import create_app
from marketflow.edge.collector import Collector, EventLog, WriteKeys
from marketflow.edge.server import serve, server_options
from marketflow.privacy import KeyRing
from marketflow.shared import Clock

WRITE_KEY = "benchmark-write-key"
KEYS = KeyRing(encryption={1: bytes(32)}, hashing=bytes(32), signing=bytes(32))  # nothing of anybody is encrypted
ANSWER = b'{"success":true}'
HEADERS = [(b"content-type", b"application/json"), (b"content-length", str(len(ANSWER)).encode())]


async def empty(receive: Any, send: Any) -> None:
    """Read the body, answer."""
    while (await receive()).get("more_body"):
        pass
    await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
    await send({"type": "http.response.body", "body": ANSWER})


def main(port: int, folder: Path) -> None:
    """Serve until terminated."""
    clock = Clock(time_zone=ZoneInfo("UTC"))
    log = EventLog(folder, KEYS, clock)
    collector = Collector(log, WriteKeys.parse(f"bench={WRITE_KEY}"), clock, per_second=1_000_000)
    edge = create_app("postgresql://nobody@127.0.0.1:1/none", KEYS, clock, brand="Bench", collector=collector)

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["path"] == "/empty":
            await empty(receive, send)
        else:
            await edge(scope, receive, send)

    serve(app, log, host="127.0.0.1", port=port, **server_options() | {"log_level": "warning"})


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]))
