"""/w/<token>: a mail in the browser, written anew from its frozen plan, without the name of whom it was sent to.

People pass this address on ("look what I got"). So it leads to none of the reader's own pages but one, which can only
unsubscribe: not to her preferences, and its token proves nothing to the reader of bounces.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from typing import Any

import psycopg
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from marketflow.campaigns.content import RenderedMessage, Renderer
from marketflow.campaigns.content.arms import of_arm
from marketflow.edge import pages
from marketflow.edge.front import Front
from marketflow.edge.tracking import Tracker
from marketflow.edge.words import language
from marketflow.privacy import KeyRing, message_token, read_message_token
from marketflow.shared import settings

log = logging.getLogger(__name__)
_BEGIN, _END = re.compile(r"<body\b[^>]*>", re.IGNORECASE), re.compile(r"</body\s*>", re.IGNORECASE)


def routes(front: Front, tracker: Tracker | None = None) -> list[Route]:
    """The route of the web version; `tracker` records who looks at it."""

    async def show(request: Request) -> Response:
        lang = language(request)
        send_id = front.send_id(request, _read)
        if send_id is None:
            return pages.unknown(front.brand, lang)
        try:
            row = await front.look("web_version", send_id)
        except psycopg.Error:
            return pages.web_later(front.brand, lang)
        if row is None:
            return pages.gone(front.brand, lang)
        found = await run_in_threadpool(_render, front, send_id, row)
        if found is None:
            return pages.gone(front.brand, lang)
        if tracker is not None and _is_tracked(row["definition"]):
            await tracker.view(request)
        message, tag = found
        if message.html is not None:
            return pages.mail(with_main(message.html))
        return pages.mail_as_text(front.brand, tag, message.subject, message.text)

    return [Route("/w/{token}", show, methods=["GET"])]


def _read(keys: KeyRing, token: str) -> int | None:
    """The message that a token stands for. It does not expire: the plan's texts may."""
    found = read_message_token(keys, "web_version", token)
    return None if found is None else found.send_id


def _is_tracked(definition: Any) -> bool:
    """Does the campaign want to know who opens its mails, and the installation?"""
    return settings().track_opens and (definition["campaign"].get("tracking") or {}).get("opens", True)


def with_main(html: str) -> str:
    """The mail's page with its main part marked as such, for those who hear it read out; a mail has no such place."""
    begin = _BEGIN.search(html)
    ends = list(_END.finditer(html))
    if begin is None or not ends or ends[-1].start() < begin.end() or "<main" in html.lower():
        return html
    inner = html[begin.end() : ends[-1].start()]
    return f"{html[: begin.end()]}<main>{inner}</main>{html[ends[-1].start() :]}"


def _render(front: Front, send_id: int, row: Mapping[str, Any]) -> tuple[RenderedMessage, str] | None:
    """The message and its language; None when the plan's templates cannot be used any more."""
    cfg = settings()
    base, today, keys = cfg.edge_url.rstrip("/"), front.clock.now().date(), front.keys
    locale = row["locale"] or cfg.locale
    try:
        renderer = Renderer(of_arm(row["definition"], row["variant"]))
        message = renderer.render(
            {
                "given_name": None, "products": row["products"], "brand": front.brand,
                "business_date": row["business_date"], "locale": locale,
                "unsubscribe_url": f"{base}/u/{message_token(keys, 'leave', send_id, today)}",
                "preferences_url": "", "web_version_url": "",
            }
        )  # fmt: skip
    except Exception as error:  # noqa: BLE001  (whatever an earlier version has frozen)
        log.warning("the web version of message %d cannot be written: %s", send_id, type(error).__name__)
        return None
    return message, renderer.language(locale)
