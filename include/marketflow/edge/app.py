"""The routes. Every answer is the same for the same kind of request, so that nothing can be learnt by trying."""

from __future__ import annotations

import psycopg
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from marketflow.edge import pages, preferences, unsubscribe, web_version
from marketflow.edge.collector import PREFIX, Collector
from marketflow.edge.desk import Desk, Standby
from marketflow.edge.front import Front
from marketflow.edge.tracking import Tracker
from marketflow.edge.webhooks import Hooks
from marketflow.edge.words import language
from marketflow.privacy import KeyRing
from marketflow.shared import Clock, settings


def create_app(
    dsn: str,
    keys: KeyRing,
    clock: Clock,
    *,
    brand: str | None = None,
    collector: Collector | None = None,
    standby: Standby | None = None,
    tracker: Tracker | None = None,
    hooks: Hooks | None = None,
) -> ASGIApp:
    """The ASGI application. `dsn` is a libpq URI whose login is, or may take on, the role `edge`.

    GET /u/<token> shows a page and changes nothing; POST unsubscribes at once (RFC 8058: no cookie, no redirect,
    idempotent). /p/<token> is the preference page, /w/<token> the mail itself; `standby` keeps answers while the
    warehouse is away. POST /v1/... is the collector's, /o/ and /c/ are the tracker's; neither needs the database. GET
    /health says how all are; it is 503 only when the collector cannot take events - or, without one, when the
    warehouse cannot be reached.
    """
    front = Front(Desk(dsn, clock), keys, clock, brand or settings().brand, standby)
    service = _Service(front, collector, tracker, hooks)
    pages_app = Starlette(
        routes=[
            *unsubscribe.routes(front),
            *preferences.routes(front),
            *web_version.routes(front, tracker),
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
    def __init__(self, front: Front, collector: Collector | None, tracker: Tracker | None, hooks: Hooks | None) -> None:
        self._front, self._collector, self._tracker, self._hooks = front, collector, tracker, hooks

    async def health(self, _request: Request) -> Response:
        try:
            await self._front.ping()
            warehouse = "ok"
        except psycopg.Error:
            warehouse = "cannot be reached"
        collecting = self._collector.state if self._collector else "is off"
        serves = collecting == "ok" if self._collector and self._collector.has_keys else warehouse == "ok"
        is_whole = serves and warehouse == "ok"
        status = "ok" if is_whole else "events only: the warehouse is away" if serves else "out of service"
        parts = {"status": status, "collector": collecting, "warehouse": warehouse}
        if self._front.standby:
            parts["answers"] = self._front.standby.state
        if self._tracker:
            parts["tracking"] = self._tracker.state
        if self._hooks:
            parts["reports"] = self._hooks.state
        return JSONResponse(parts, status_code=200 if serves else 503)

    async def refuse(self, request: Request, error: Exception) -> Response:
        status = error.status_code if isinstance(error, HTTPException) else 500
        brand, lang = self._front.brand, language(request)
        page = pages.unknown(brand, lang) if status == 404 else pages.refused(brand, lang, status)
        page.headers.update(getattr(error, "headers", None) or {})
        return page
