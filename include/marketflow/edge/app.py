"""The routes. Every answer is the same for the same kind of request, so that nothing can be learnt by trying."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from functools import partial
from typing import TypeVar

import anyio.to_thread
import psycopg
from anyio import CapacityLimiter
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from marketflow.edge import pages
from marketflow.edge.collector import PREFIX, Collector
from marketflow.edge.tracking import Tracker
from marketflow.edge.unsubscribe import Desk
from marketflow.edge.webhooks import Hooks
from marketflow.privacy import KeyRing, read_unsubscribe_token
from marketflow.shared import Clock, settings

_MAX_TOKEN = 200
_MAX_BODY = 4_096
_BODY_SECONDS = 10
_CONNECTIONS = 8
log = logging.getLogger(__name__)
T = TypeVar("T")


def create_app(
    dsn: str, keys: KeyRing, clock: Clock, *, brand: str | None = None, collector: Collector | None = None,
    tracker: Tracker | None = None, hooks: Hooks | None = None,
) -> ASGIApp:  # fmt: skip
    """The ASGI application. `dsn` is a libpq URI whose login is, or may take on, the role `edge`.

    GET /u/<token> shows a page and changes nothing; POST unsubscribes at once (RFC 8058: no cookie, no redirect,
    idempotent). POST /v1/... is the collector's, /o/ and /c/ are the tracker's; neither needs the database. GET /health
    says how all are; it is 503 only when the collector cannot take events - or, without one, when the warehouse cannot
    be reached.
    """
    service = _Service(Desk(dsn, clock), keys, brand or settings().brand, collector, tracker)
    pages_app = Starlette(
        routes=[
            Route("/u/{token}", service.show, methods=["GET"]),
            Route("/u/{token}", service.unsubscribe, methods=["POST"]),
            Route("/health", service.health, methods=["GET"]),
            *(tracker.routes() if tracker else ()),
            *(hooks.routes() if hooks else ()),
        ],
        exception_handlers={HTTPException: service.refuse},
    )
    return pages_app if collector is None else _fast(collector, pages_app)


def _fast(collector: Collector, pages_app: ASGIApp) -> ASGIApp:
    """The collector's calls pass by Starlette, which takes longer over a request than the collector itself."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        is_event = scope["type"] == "http" and scope["path"].startswith(PREFIX)
        await (collector if is_event else pages_app)(scope, receive, send)

    return app


class _Service:
    def __init__(
        self, desk: Desk, keys: KeyRing, brand: str, collector: Collector | None, tracker: Tracker | None
    ) -> None:
        self._desk, self._keys, self._brand, self._collector = desk, keys, brand, collector
        self._tracker = tracker
        self._slots = CapacityLimiter(_CONNECTIONS)

    async def show(self, request: Request) -> Response:
        return pages.unknown(self._brand) if self._send_id(request) is None else pages.ask(self._brand)

    async def unsubscribe(self, request: Request) -> Response:
        send_id = self._send_id(request)
        if send_id is None:
            return pages.unknown(self._brand)
        await _read_away(request)
        try:
            found = await self._in_thread(partial(self._desk.unsubscribe, send_id))
        except psycopg.Error as error:
            log.warning(
                "an unsubscription was not recorded (%s); its reader was asked to try again", type(error).__name__
            )
            return pages.later(self._brand)
        return pages.done(self._brand) if found else pages.unknown(self._brand)

    async def health(self, _request: Request) -> Response:
        try:
            await self._in_thread(self._desk.ping)
            warehouse = "ok"
        except psycopg.Error:
            warehouse = "cannot be reached"
        collecting = self._collector.state if self._collector else "is off"
        serves = collecting == "ok" if self._collector and self._collector.has_keys else warehouse == "ok"
        is_whole = serves and warehouse == "ok"
        status = "ok" if is_whole else "events only: the warehouse is away" if serves else "out of service"
        parts = {"status": status, "collector": collecting, "warehouse": warehouse}
        if self._tracker:
            parts["tracking"] = self._tracker.state
        return JSONResponse(parts, status_code=200 if serves else 503)

    async def refuse(self, _request: Request, error: Exception) -> Response:
        status = error.status_code if isinstance(error, HTTPException) else 500
        page = pages.unknown(self._brand) if status == 404 else pages.refused(self._brand, status)
        page.headers.update(getattr(error, "headers", None) or {})
        return page

    def _send_id(self, request: Request) -> int | None:
        token = request.path_params["token"]
        return read_unsubscribe_token(self._keys, token) if len(token) <= _MAX_TOKEN else None

    async def _in_thread(self, call: Callable[[], T]) -> T:
        return await anyio.to_thread.run_sync(call, limiter=self._slots)


async def _read_away(request: Request) -> None:
    """Take the body without keeping it: the link alone says what is wanted. Raises HTTPException 413, 408 or 400."""
    size = 0
    try:
        async with asyncio.timeout(_BODY_SECONDS):
            async for chunk in request.stream():
                size += len(chunk)
                if size > _MAX_BODY:
                    raise HTTPException(413)
    except TimeoutError:
        raise HTTPException(408) from None
    except ClientDisconnect:
        raise HTTPException(400) from None
