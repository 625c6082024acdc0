"""The page on which the caught mails and posts are read. What is in a mail can run nothing and load nothing."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Any

import jinja2
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from marketflow.embedded.maildir import Inbox, Summary, body, header, parse

PAGE = 50
_MAX_POST = 1_000_000
_PAGES = Path(__file__).parent / "pages"
_SHOWN = ("From", "To", "Reply-To", "Date", "Message-ID", "List-Id", "List-Unsubscribe", "List-Unsubscribe-Post")
_PAGE_POLICY = (
    "default-src 'none'; style-src 'self'; frame-src 'self'; form-action 'none'; "
    "base-uri 'none'; frame-ancestors 'none'"
)
# a link opens in a window of its own, outside the sandbox, so that it can be tried; nothing else can be done
_MAIL_POLICY = (
    "sandbox allow-popups allow-popups-to-escape-sandbox; default-src 'none'; style-src 'unsafe-inline'; "
    "img-src data:; frame-ancestors 'self'"
)


def create_app(inbox: Inbox) -> Starlette:
    """The application; `inbox.prepare()` has been called. Answers only to names of this machine (DNS rebinding)."""
    pages = _Pages(inbox)
    return Starlette(
        routes=[
            Route("/", pages.mails),
            Route("/posts", pages.posts),
            Route("/mail/{id}", pages.mail),
            Route("/mail/{id}/html", pages.html),
            Route("/mail/{id}/raw", pages.raw),
            Route("/api/messages", pages.api_messages),
            Route("/api/count", pages.api_count),
            Route("/hooks/posts", pages.take_post, methods=["POST"]),
            Mount("/static", StaticFiles(directory=_PAGES / "static")),
        ],
        middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=["127.0.0.1", "localhost"])],
    )


class _Pages:
    """One method per route."""

    def __init__(self, inbox: Inbox) -> None:
        self._inbox = inbox
        loader = jinja2.FileSystemLoader(_PAGES)
        self._templates = jinja2.Environment(loader=loader, autoescape=True, undefined=jinja2.StrictUndefined)
        self._templates.filters["size"] = lambda n: f"{n / 1000:.1f} kB"

    def mails(self, request: Request) -> Response:
        """The list of mails."""
        page, pages, ids = _page(request, self._inbox.ids())
        return self._render("mails.html", "mails", mails=self._summaries(ids), page=page, pages=pages)

    def mail(self, request: Request) -> Response:
        """One mail."""
        mail_id, message = request.path_params["id"], parse(self._raw(request))
        shown = [(name, text) for name in ("X-Envelope-To", *_SHOWN) if (text := header(message, name))]
        return self._render(
            "mail.html", "mails", id=mail_id, subject=header(message, "Subject"), headers=shown,
            text=body(message, "plain"), has_html=body(message, "html") is not None,
            source=self._raw(request).decode("utf-8", "replace"),
        )  # fmt: skip

    def html(self, request: Request) -> Response:
        """The HTML part of a mail, for the frame in which nothing of it can run."""
        if (content := body(parse(self._raw(request)), "html")) is None:
            raise HTTPException(404, "this mail has no HTML part")
        headers = {"Content-Security-Policy": _MAIL_POLICY, "Referrer-Policy": "no-referrer"}
        return HTMLResponse(f'<base target="_blank">{content}', headers=headers)

    def raw(self, request: Request) -> Response:
        """A mail as it came, as a download."""
        name = {"Content-Disposition": f'attachment; filename="{request.path_params["id"]}.eml"'}
        return Response(self._raw(request), media_type="message/rfc822", headers=name)

    def posts(self, _: Request) -> Response:
        """The posts."""
        shown = [_shown_post(post) for post in self._inbox.posts()]
        return self._render("posts.html", "posts", posts=shown)

    def api_messages(self, request: Request) -> Response:
        """A page of the list as JSON."""
        ids = self._inbox.ids()
        page, pages, wanted = _page(request, ids)
        found = [s.as_json() for s in self._summaries(wanted)]
        return JSONResponse({"page": page, "pages": pages, "total": len(ids), "messages": found})

    def api_count(self, _: Request) -> Response:
        """How many there are."""
        return JSONResponse(self._counts())

    async def take_post(self, request: Request) -> Response:
        """The webhook: 201 for a new post, 200 for one that is here already (by Idempotency-Key)."""
        try:
            content = json.loads(await _read(request, _MAX_POST))
        except ValueError as error:
            raise HTTPException(400, "the body is not JSON") from error
        new = await run_in_threadpool(self._inbox.add_post, content, request.headers.get("Idempotency-Key"))
        return JSONResponse({"stored": new}, status_code=201 if new else 200)

    def _render(self, template: str, tab: str, **values: Any) -> Response:
        text = self._templates.get_template(template).render(tab=tab, counts=self._counts(), **values)
        headers = {"Content-Security-Policy": _PAGE_POLICY, "Referrer-Policy": "no-referrer"}
        return HTMLResponse(text, headers=headers)

    def _counts(self) -> dict[str, int]:
        return {"messages": len(self._inbox.ids()), "posts": len(self._inbox.posts())}

    def _summaries(self, ids: list[str]) -> list[Summary]:
        return [self._inbox.summary(mail_id) for mail_id in ids]

    def _raw(self, request: Request) -> bytes:
        try:
            return self._inbox.raw(request.path_params["id"])
        except KeyError:
            raise HTTPException(404, "there is no such mail") from None


def _page(request: Request, ids: list[str]) -> tuple[int, int, list[str]]:
    """Number of the wanted page, how many there are, and its ids."""
    text = request.query_params.get("page", "1")
    pages = max(1, -(-len(ids) // PAGE))
    if not (text.isascii() and text.isdigit()) or not 1 <= int(text[:9]) <= pages:
        raise HTTPException(400, f"page must be a number from 1 to {pages}")
    return int(text), pages, ids[(int(text) - 1) * PAGE : int(text) * PAGE]


async def _read(request: Request, limit: int) -> bytes:
    content = b""
    async for chunk in request.stream():
        content += chunk
        if len(content) > limit:
            raise HTTPException(413, f"a post has at most {limit} bytes")
    return content


def _shown_post(post: dict[str, Any]) -> dict[str, str]:
    content = post["body"]
    text = content.get("text") if isinstance(content, dict) else None
    rest = {k: v for k, v in content.items() if k != "text"} if isinstance(text, str) else content
    return {
        "at": dt.datetime.fromtimestamp(post["received_ns"] / 1e9, dt.UTC).strftime("%Y-%m-%d %H:%M:%S UTC"),
        "text": text if isinstance(text, str) else "",
        "rest": json.dumps(rest, indent=2, ensure_ascii=False) if rest else "",
    }
