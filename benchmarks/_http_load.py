"""Load for `collector_vs_empty`: many keep-alive connections, each sending the next request when it has the answer.

`python -m benchmarks._http_load PORT PATH CONNECTIONS SECONDS` prints answers, seconds and failures as JSON.
Nothing but sockets and a look at the end of the answer, with all requests made beforehand: the client must cost less
than the server, or it would be the client that is measured.
"""

from __future__ import annotations

import base64
import itertools
import json
import select
import socket
import sys
import time

from benchmarks._collector_server import ANSWER, WRITE_KEY

WARM_UP = 0.5  # seconds before counting begins
REQUESTS = 20_000  # that differ; then they begin again
_EVENT = (
    b'{"type":"track","userId":"customer-%d","anonymousId":"7f2c1a52-9d2e-4b60-8a5e-%012d","event":"Product Viewed",'
    b'"messageId":"%032d","timestamp":"2026-11-22T09:00:00.000Z","sentAt":"2026-11-22T09:00:00.500Z","properties":{'
    b'"product_id":"sku-%d","name":"Monopoly: 3rd Edition","price":18.99,"currency":"USD","quantity":1,'
    b'"category":"Games"},"context":{"library":{"name":"analytics-python","version":"2.4.0"},'
    b'"page":{"path":"/games/monopoly","title":"Monopoly"}}}'
)


def message(number: int) -> bytes:
    """One event, as a shop's server sends it: 0.5 KB."""
    return _EVENT % (number % 5_000, number, number, number % 700)


def requests(path: str) -> list[bytes]:
    """Whole requests to send."""
    user = base64.b64encode(f"{WRITE_KEY}:".encode()).decode()
    head = (
        f"POST {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Basic {user}\r\n"
        "Content-Type: application/json\r\nUser-Agent: load\r\nAccept: */*\r\nContent-Length: "
    ).encode()
    bodies = (message(number) for number in range(REQUESTS))
    return [b"%s%d\r\n\r\n%s" % (head, len(body), body) for body in bodies]


class Load:
    """The connections, and what came of them."""

    def __init__(self, port: int, path: str, connections: int) -> None:
        self.answers = self.failed = 0
        self._next = itertools.cycle(requests(path))
        self._poll = select.epoll()
        self._open: dict[int, socket.socket] = {}
        for _ in range(connections):
            connection = socket.create_connection(("127.0.0.1", port))
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._open[connection.fileno()] = connection
            self._poll.register(connection, select.EPOLLIN)
        self._waiting = set(self._open)
        for connection in self._open.values():
            connection.send(next(self._next))

    def drive(self, seconds: float, *, goes_on: bool = True) -> float:
        """Take answers, and send the next request each time if it `goes_on`; the seconds that it took."""
        started = now = time.perf_counter()
        while now < started + seconds and self._waiting:
            for number, _ in self._poll.poll(0.1):
                self._answered(number, goes_on=goes_on)
            now = time.perf_counter()
        return now - started

    def _answered(self, number: int, *, goes_on: bool) -> None:
        connection = self._open[number]
        found = connection.recv(4_096)
        while found and not found.endswith(ANSWER) and b"HTTP/1.1 200" in found:
            found += (more := connection.recv(4_096))
            if not more:
                break
        if not found.endswith(ANSWER):
            self.failed += 1
            self._poll.unregister(connection)
            self._waiting.discard(number)
            return
        self.answers += 1
        if goes_on:
            connection.send(next(self._next))
        else:
            self._waiting.discard(number)


def main(port: int, path: str, connections: int, seconds: float) -> dict[str, float]:
    """Drive the server; answers counted after the warm-up."""
    load = Load(port, path, connections)
    load.drive(WARM_UP)
    before = load.answers
    took = load.drive(seconds)
    counted = load.answers - before
    load.drive(5.0, goes_on=False)
    return {"answers": counted, "seconds": took, "failed": load.failed, "all_answers": load.answers}


if __name__ == "__main__":
    print(json.dumps(main(int(sys.argv[1]), sys.argv[2], int(sys.argv[3]), float(sys.argv[4]))))
