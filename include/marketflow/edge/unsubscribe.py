"""/u/<token>: GET shows a page and changes nothing; POST unsubscribes at once (RFC 8058: no cookie, no redirect).

The link in the web version of a mail, which people pass on, does the same and leads to nothing else.
"""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from marketflow.edge import pages
from marketflow.edge.answers import Withdrawal, answer
from marketflow.edge.collector.log import NotDurable
from marketflow.edge.front import Front, body
from marketflow.edge.words import language
from marketflow.privacy import KeyRing, message_token, read_message_token, read_unsubscribe_token


def routes(front: Front) -> list[Route]:
    """The routes of the unsubscribe link."""

    async def show(request: Request) -> Response:
        lang = language(request)
        send_id = front.send_id(request, _read)
        if send_id is None:
            return pages.unknown(front.brand, lang)
        if front.send_id(request, read_unsubscribe_token) is None:  # it may be in anybody's hands
            return pages.ask(front.brand, lang)
        token = message_token(front.keys, "preferences", send_id, front.clock.now().date())
        return pages.ask(front.brand, lang, f"../p/{token}?lang={lang}")

    async def unsubscribe(request: Request) -> Response:
        """The link alone says what is wanted: the body is read and not looked at."""
        lang = language(request)
        send_id = front.send_id(request, _read)
        if send_id is None:
            return pages.unknown(front.brand, lang)
        await body(request)
        try:
            taken = await front.take(answer(send_id, front.clock.now(), withdrawal=Withdrawal()))
        except NotDurable:
            return pages.later(front.brand, lang)
        return pages.unknown(front.brand, lang) if taken == "unknown" else pages.done(front.brand, lang)

    return [Route("/u/{token}", show, methods=["GET"]), Route("/u/{token}", unsubscribe, methods=["POST"])]


def _read(keys: KeyRing, token: str) -> int | None:
    """The message of a link in a mail, or of one in the web version of a mail. Neither expires."""
    send_id = read_unsubscribe_token(keys, token)
    if send_id is not None:
        return send_id
    found = read_message_token(keys, "leave", token)
    return None if found is None else found.send_id
