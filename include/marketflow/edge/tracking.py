"""Opens and clicks: /o/<token>.gif and /c/<token>/<target>, answered without the database.

What happened is brought to the disk first and answered then; a click's answer carries the event's id (mf_click), so one
that does was recorded. When it cannot be recorded the reader still gets the picture, or gets to the shop: the answer
then says `Tracking: not recorded`, and has no id. That is so, too, when the disk takes longer than a reader waits.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import uuid
from collections.abc import Sequence
from typing import Literal
from urllib.parse import quote, urlsplit, urlunsplit

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from marketflow.edge import pages
from marketflow.edge.clients import Network, client_kind, network_hash
from marketflow.edge.collector.log import EventLog, NotDurable
from marketflow.edge.floods import Floods
from marketflow.edge.words import language
from marketflow.privacy import CLICK_PARAMETER, KeyRing, MessageLink, read_click_token, read_message_token
from marketflow.shared import Clock

PIXEL = (
    b"GIF89a\x01\x00\x01\x00\x80\x00\x00\x00\x00\x00\xff\xff\xff!\xf9\x04\x01\x00\x00\x00\x00,\x00\x00\x00\x00\x01\x00"
    b"\x01\x00\x00\x02\x02D\x01\x00;"
)
"""A GIF of one transparent point, 43 bytes."""
_WAIT_SECONDS = 2.0  # that a reader waits for the disk
_MOST_LATE = 10_000  # records that nobody waits for any more and that are not on the disk yet
_HEADERS = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer", "X-Robots-Tag": "noindex, nofollow"}
_NOT_RECORDED = {"Tracking": "not recorded"}
_UNQUOTED = "%/:=&?~#+!$,;'@()*[]"


class Tracker:
    """Records opens and clicks in `journal`.

    A link older than `link_days` leads nowhere any more. `utm_source` tags the addresses of shops that links lead to;
    empty: they are not tagged. `click_id`: they carry the click's id. `proxies`: whose X-Forwarded-For is believed.
    """

    def __init__(
        self, journal: EventLog, keys: KeyRing, clock: Clock, brand: str, *,
        link_days: int = 400, utm_source: str = "", click_id: bool = True, proxies: Sequence[Network] = (),
    ) -> None:  # fmt: skip
        self.journal, self._keys, self._clock, self._brand = journal, keys, clock, brand
        self._link_days, self._utm_source, self._click_id, self._proxies = link_days, utm_source, click_id, proxies
        self._floods, self._late = Floods(clock), set[asyncio.Task[None]]()
        self.unrecorded = 0

    @property
    def state(self) -> str:
        """For /health: ok, or what is wrong."""
        lost = f"; {self.unrecorded} not recorded since the start" if self.unrecorded else ""
        return f"cannot write: {problem}{lost}" if (problem := self.journal.problem) else f"ok{lost}"

    def routes(self) -> list[Route]:
        """Of the application."""
        return [
            Route("/o/{token}.gif", self.open, methods=["GET"]),
            Route("/c/{token}/{target}", self.click, methods=["GET"]),
        ]

    async def open(self, request: Request) -> Response:
        """The picture, whatever was done before; one of an old message is not counted."""
        found = read_message_token(self._keys, "open", request.path_params["token"])
        if found is None:
            return pages.unknown(self._brand, language(request))
        recorded = None if self._is_expired(found) else await self._record(request, "open", found, None)
        headers = _HEADERS if recorded else _HEADERS | _NOT_RECORDED
        return Response(PIXEL, media_type="image/gif", headers=headers)

    async def click(self, request: Request) -> Response:
        """On to the shop: only where the message's own link leads."""
        found = read_click_token(self._keys, request.path_params["token"], request.path_params["target"])
        if found is None:
            return pages.unknown(self._brand, language(request))
        if self._is_expired(found):
            return pages.expired(self._brand, language(request))
        recorded = await self._record(request, "click", found, found.url)
        tags = {CLICK_PARAMETER: recorded} if recorded and self._click_id else {}
        if self._utm_source and found.campaign and "utm_" not in found.url:
            tags |= {"utm_source": self._utm_source, "utm_medium": "email", "utm_campaign": found.campaign}
        headers = {"Location": landing(found.url, tags), **_HEADERS, **({} if recorded else _NOT_RECORDED)}
        return Response(status_code=302, headers=headers)

    async def view(self, request: Request) -> None:
        """The web version that `request` asks for is shown; one of an old message is not counted."""
        found = read_message_token(self._keys, "web_version", request.path_params["token"])
        if found is not None and not self._is_expired(found):
            await self._record(request, "web_version", found, None)

    def _is_expired(self, link: MessageLink) -> bool:
        return (self._clock.now().astimezone(dt.UTC).date() - link.made_on).days > self._link_days

    async def _record(
        self, request: Request, kind: Literal["open", "click", "web_version"], link: MessageLink, url: str | None
    ) -> str | None:
        """The id of the event when it is durable; None when it is not, or the message has had too many just now."""
        if self._floods.is_flood(link.send_id) or len(self._late) >= _MOST_LATE:
            self.unrecorded += 1
            return None
        event_id = str(uuid.uuid4())
        peer = request.client.host if request.client else None
        record = {
            "event_id": event_id,
            "kind": kind,
            "send_id": link.send_id,
            "url": url,
            "occurred_at": self._clock.now(),
            "method": request.method,
            "client": client_kind(request.headers.get("user-agent", "")),
            "network": network_hash(self._keys, peer, request.headers.getlist("x-forwarded-for"), self._proxies),
        }
        if not await self._is_durable(orjson.dumps(record)):
            self.unrecorded += 1
            return None
        return event_id

    async def _is_durable(self, record: bytes) -> bool:
        """Is it on the disk, in time? What is late may still get there, and counts then, though it has been denied."""
        writing = asyncio.ensure_future(self.journal.append(record))
        done, _ = await asyncio.wait([writing], timeout=_WAIT_SECONDS)
        if not done:
            self._late.add(writing)
            writing.add_done_callback(self._arrived)
            return False
        try:
            writing.result()
        except NotDurable:  # the journal has told it
            return False
        return True

    def _arrived(self, writing: asyncio.Task[None]) -> None:
        self._late.discard(writing)
        if not writing.cancelled():
            writing.exception()  # is known: the journal has told it


def landing(url: str, tags: dict[str, str]) -> str:
    """The address with `tags` added to its query, as a header may hold it (ASCII); all else as it was."""
    base, mark, fragment = url.partition("#")
    added = "&".join(f"{name}={quote(value, safe='')}" for name, value in tags.items())
    if added:
        separator = "" if base.endswith(("?", "&")) else "&" if "?" in base else "?"
        base = f"{base}{separator}{added}"
    return _ascii(f"{base}{mark}{fragment}")


def _ascii(url: str) -> str:
    if url.isascii():
        return url
    import idna  # few need it

    parts = urlsplit(url)
    user, at, host = parts.netloc.rpartition("@")
    name, colon, port = host.partition(":")
    try:
        name = idna.encode(name, uts46=True).decode()
    except idna.IDNAError:
        name = quote(name)  # leads nowhere, as it would have in the message
    return quote(urlunsplit(parts._replace(netloc=f"{quote(user, safe=':')}{at}{name}{colon}{port}")), safe=_UNQUOTED)
