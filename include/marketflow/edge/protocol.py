"""HTTP as the internet speaks it: uvicorn's protocol with a limit on headers and on the time that a request may take.

Uvicorn waits for ever for the rest of a request, and takes headers of any number and length.
"""

from __future__ import annotations

import asyncio
from asyncio import TimerHandle
from typing import Any, ClassVar

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

HEADER_BYTES, HEADER_COUNT = 32_768, 100
_LATE = "the request took too long"
_LARGE = "the headers are too large"


class GuardedProtocol(HttpToolsProtocol):
    """A connection of a client that may be slow, wrong or hostile."""

    request_seconds: ClassVar[float] = 20.0  # from the first byte of a request to its last; 500 KB need 0.2 Mbit/s
    _deadline: TimerHandle | None = None
    _stuck: TimerHandle | None = None
    _running: RequestResponseCycle | None = None  # `cycle` is the newest one, which may wait behind it
    _head = 0  # bytes that came since the request began and before its headers were complete
    _is_whole = True  # nothing of a request has come, or all of it

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A client that says nothing at all is late, too."""
        super().connection_made(transport)
        self._expect()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the deadlines; the request that is being answered shall not write to what is closed."""
        self._forget()
        self._forget_stuck()
        if self._running is not None:
            self._running.disconnected = True
            self._running.message_event.set()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Hand on to the parser; a deadline is set only for what did not come at once."""
        if self.transport.is_closing():
            return
        super().data_received(data)
        if self._is_whole:
            if self.timeout_keep_alive_task is None and (self.cycle is None or self.cycle.response_complete):
                self._expect()  # an empty line between requests: uvicorn has unset its own timer and waits for ever
            return
        self._expect()
        if self._head >= 0:
            self._head += len(data)
            if self._head > HEADER_BYTES:
                self._refuse(431, _LARGE)

    def on_message_begin(self) -> None:
        """A request begins."""
        self._is_whole, self._head = False, 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Its headers are there."""
        self._head = -1
        size = len(self.url) + sum(len(name) + len(value) for name, value in self.headers)
        if size > HEADER_BYTES or len(self.headers) > HEADER_COUNT:
            self.app = _too_large  # of this connection, which ends with it
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """All of it is there."""
        self._is_whole = True
        self._forget()
        super().on_message_complete()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        self._running = cycle
        super()._start_asgi_task(cycle, app)

    def pause_writing(self) -> None:
        """The client does not read its answers; in so many seconds it must have begun to."""
        if self._stuck is None:
            self._stuck = self.loop.call_later(self.request_seconds, self.transport.abort)
        super().pause_writing()

    def resume_writing(self) -> None:
        """It has read them."""
        self._forget_stuck()
        super().resume_writing()

    def _forget_stuck(self) -> None:
        if self._stuck is not None:
            self._stuck.cancel()
            self._stuck = None

    def _expect(self) -> None:
        if self._deadline is None:
            self._deadline = self.loop.call_later(self.request_seconds, self._refuse, 408, _LATE)

    def _forget(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _refuse(self, status: int, reason: str) -> None:
        """Answer in place of the application, unless it has begun to, and close."""
        self._deadline = None
        if self.transport.is_closing():
            return
        is_idle = self.cycle is None or self.cycle.response_complete
        if is_idle or (self._head < 0 and not self.cycle.response_started):  # else an earlier request is being answered
            self.transport.write(_answer(status, reason))
        self.transport.close()


def _answer(status: int, reason: str) -> bytes:
    words = {408: "Request Timeout", 431: "Request Header Fields Too Large"}[status]
    body = f'{{"success":false,"code":"invalid_request","message":"{reason}"}}'
    return (
        f"HTTP/1.1 {status} {words}\r\ncontent-type: application/json\r\nconnection: close\r\n"
        f"content-length: {len(body)}\r\n\r\n{body}"
    ).encode()


async def _too_large(_scope: Any, _receive: Any, send: Any) -> None:
    body = _answer(431, _LARGE).partition(b"\r\n\r\n")[2]
    headers = [
        (b"content-type", b"application/json"),
        (b"connection", b"close"),
        (b"content-length", b"%d" % len(body)),
    ]
    await send({"type": "http.response.start", "status": 431, "headers": headers})
    await send({"type": "http.response.body", "body": body})
