"""Load for `collector_vs_empty`: many keep-alive connections, each sending the next request when it has the answer.

`python -m benchmarks._http_load PORT PATH CONNECTIONS SECONDS` prints answers, seconds and failures as JSON.
Nothing but sockets and a search for the end of the answer, so that the client costs less than the server.
"""

from __future__ import annotations

import asyncio
import base64
import json
import sys
import time

import uvloop

from benchmarks._collector_server import ANSWER, WRITE_KEY

WARM_UP = 0.5  # seconds before counting begins
_EVENT = (
    b'{"type":"track","userId":"customer-%d","anonymousId":"7f2c1a52-9d2e-4b60-8a5e-%012d","event":"Product Viewed",'
    b'"messageId":"%032d","timestamp":"2026-11-22T09:00:00.000Z","sentAt":"2026-11-22T09:00:00.500Z","properties":{'
    b'"product_id":"sku-%d","name":"Monopoly: 3rd Edition","price":18.99,"currency":"USD","quantity":1,'
    b'"category":"Games"},"context":{"library":{"name":"analytics-python","version":"2.4.0"},'
    b'"page":{"path":"/games/monopoly","title":"Monopoly"}}}'
)


class Client(asyncio.Protocol):
    """One connection."""

    answers = 0  # of all connections
    failed = 0
    number = 0
    running = True

    def __init__(self, path: str) -> None:
        user = base64.b64encode(f"{WRITE_KEY}:".encode()).decode()
        self._head = (
            f"POST {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Basic {user}\r\n"
            "Content-Type: application/json\r\nUser-Agent: load\r\nAccept: */*\r\nContent-Length: "
        ).encode()
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._send()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if not self._buffer.endswith(ANSWER):
            if b"HTTP/1.1 200" not in self._buffer:
                Client.failed += 1
            return
        Client.answers += 1
        self._buffer = b""
        if Client.running:
            self._send()

    def _send(self) -> None:
        Client.number += 1
        body = message(Client.number)
        self._transport.write(b"%s%d\r\n\r\n%s" % (self._head, len(body), body))  # type: ignore[attr-defined]


def message(number: int) -> bytes:
    """One event, as a shop's server sends it: 0.5 KB."""
    return _EVENT % (number % 5_000, number, number, number % 700)


async def main(port: int, path: str, connections: int, seconds: float) -> dict[str, float]:
    """Drive the server; answers counted after the warm-up."""
    loop = asyncio.get_running_loop()
    for _ in range(connections):
        await loop.create_connection(lambda: Client(path), "127.0.0.1", port)
    await asyncio.sleep(WARM_UP)
    before, started = Client.answers, time.perf_counter()
    await asyncio.sleep(seconds)
    counted, took = Client.answers - before, time.perf_counter() - started
    Client.running = False
    await asyncio.sleep(0.5)
    return {"answers": counted, "seconds": took, "failed": Client.failed, "all_answers": Client.answers}


if __name__ == "__main__":
    uvloop.install()
    found = asyncio.run(main(int(sys.argv[1]), sys.argv[2], int(sys.argv[3]), float(sys.argv[4])))
    print(json.dumps(found))
