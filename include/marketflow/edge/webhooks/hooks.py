"""POST /hooks/<provider>: verified, reduced to facts, on the disk, answered; one after the other.

403 for what is not signed by the provider, 503 for what cannot be judged or stored just now, so that the provider sends
it again; 200 for everything else, also what says nothing: nobody should send that again.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections import Counter
from collections.abc import Sequence
from functools import partial

import orjson
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from marketflow.edge.collector import EventLog
from marketflow.edge.collector.body import Gone, Hold, Refused, Room, read_body
from marketflow.edge.collector.log import NotDurable
from marketflow.edge.webhooks.provider import Forged, NotNow, Provider, Report

log = logging.getLogger(__name__)
REPORTS = "reports"
"""The journal's name."""
PREFIX = "/hooks/"
_MAX_BODY = 2 << 20  # SendGrid sends some hundreds of KB, SNS 256 KB at most
_ROOM = 32 << 20  # for the bodies of all requests together
_BODY_SECONDS = 10
_FACTS = 100  # in a record of the journal, of which a hundred are taken at a time: 10,000 reports, some seconds
_TOLD_SECONDS = 60.0


class Hooks:
    """The webhooks of `providers`; what they say goes to `journal`."""

    def __init__(self, providers: Sequence[Provider], journal: EventLog) -> None:
        self._providers, self.journal = tuple(providers), journal
        self._room = Room(_ROOM)
        self.counts: Counter[str] = Counter()
        self._untold: Counter[str] = Counter()
        self._told_at = -_TOLD_SECONDS

    def routes(self) -> list[Route]:
        """One for each provider that is configured."""
        return [Route(f"{PREFIX}{p.name}", partial(self._take, p), methods=["POST"]) for p in self._providers]

    @property
    def state(self) -> str:
        """For /health: ok, or what is wrong."""
        return f"cannot write: {problem}" if (problem := self.journal.problem) else "ok"

    async def _take(self, provider: Provider, request: Request) -> Response:
        hold = Hold(self._room)
        try:
            async with asyncio.timeout(_BODY_SECONDS):
                declared = request.headers.get("content-length")
                body = await read_body(request.receive, _MAX_BODY, declared.encode() if declared else None, hold)
            await provider.verify(request.headers, body)
            reports = await provider.read(body)
            await self._store(provider, reports)
        except (Forged, NotNow, NotDurable, Refused, Gone, TimeoutError) as error:
            return self._refuse(provider, error)
        finally:
            hold.give_back()
        self.counts["taken"] += len(reports)
        return PlainTextResponse("ok")

    async def _store(self, provider: Provider, reports: Sequence[Report]) -> None:
        """Returns when all is durable. Raises NotDurable."""
        facts = [report.fact() for report in reports]
        chunks = [facts[at : at + _FACTS] for at in range(0, len(facts), _FACTS)]
        records = [{"event_id": secrets.token_hex(16), "source": provider.name, "reports": chunk} for chunk in chunks]
        await asyncio.gather(*(self.journal.append(orjson.dumps(record)) for record in records))

    def _refuse(self, provider: Provider, error: Exception) -> Response:
        if isinstance(error, Refused):
            return _answer(error.status, retry=error.retry_after)
        if isinstance(error, Forged):
            self._tell(provider, "that nobody has signed")
            return _answer(403)
        if isinstance(error, TimeoutError):
            return _answer(408)
        if not isinstance(error, Gone):
            self._tell(provider, "that could not be taken just now")
        return _answer(503, retry=30)

    def _tell(self, provider: Provider, what: str) -> None:
        """Say how many requests were refused, and nothing of what stood in them; once a minute at most."""
        self.counts[what] += 1
        self._untold[f"{PREFIX}{provider.name} {what}"] += 1
        if time.monotonic() - self._told_at >= _TOLD_SECONDS:
            self._told_at = time.monotonic()
            for words, count in self._untold.items():
                log.warning("requests were refused: %d to %s", count, words)
            self._untold.clear()


def _answer(status: int, *, retry: int | None = None) -> Response:
    headers = {"Connection": "close"} if status in (408, 413) else {}
    if retry is not None:
        headers["Retry-After"] = str(retry)
    return PlainTextResponse("not taken", status_code=status, headers=headers)
