"""What all pages share: whose message a link is about, the reader's language, and where an answer goes."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from functools import partial
from typing import Literal, TypeVar

import psycopg
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request

from marketflow.edge.answers import Answer
from marketflow.edge.calls import Calls
from marketflow.edge.collector.log import NotDurable
from marketflow.edge.desk import Desk, Standby
from marketflow.privacy import KeyRing
from marketflow.shared import Clock

_MAX_TOKEN = 200
_MAX_BODY = 4_096
_BODY_SECONDS = 10
_PAGES, _ANSWERS = 8, 4  # calls at a time: who leaves does not stand in line with those who look
_SECONDS = 4.0  # that a reader waits for the warehouse: its answer is kept then, or the page says that it is away
# After a failure the warehouse is not asked for so long: a host that says nothing would hold up each request.
_AWAY_SECONDS = 1.0
log = logging.getLogger(__name__)
T = TypeVar("T")
Taken = Literal["recorded", "kept", "unknown"]
"""What became of an answer: it is in the warehouse, or in the journal; or there is no such message."""


class Front:
    """What the pages work with. `standby` keeps answers while the warehouse is away; without one they are refused."""

    def __init__(self, desk: Desk, keys: KeyRing, clock: Clock, brand: str, standby: Standby | None) -> None:
        self.desk, self.keys, self.clock, self.brand, self.standby = desk, keys, clock, brand, standby
        self._pages, self._answers = Calls(_PAGES, _SECONDS), Calls(_ANSWERS, _SECONDS)
        self._away_until = 0.0

    def send_id(self, request: Request, read: Callable[[KeyRing, str], int | None]) -> int | None:
        """The message that the token in the address stands for; None: it is none of ours."""
        token = request.path_params["token"]
        return read(self.keys, token) if len(token) <= _MAX_TOKEN else None

    async def take(self, said: Answer) -> Taken:
        """Record an answer, or keep it in the journal.

        Raises NotDurable when it could be kept nowhere.
        """
        if not self._is_away:
            try:
                found = await self._asked(self._answers, partial(self.desk.record, said))
            except psycopg.Error as error:
                where = "was not recorded" if self.standby is None else "goes to the journal"
                log.warning("an answer %s: the warehouse is away (%s)", where, type(error).__name__)
            else:
                return "recorded" if found else "unknown"
        if self.standby is None:
            raise NotDurable
        await self.standby.keep(said)
        return "kept"

    async def look(self, statement: str, send_id: int) -> dict[str, object] | None:
        """The one row of a statement about a message, if there is such a message. Raises psycopg.Error."""
        return await self._asked(self._pages, partial(self.desk.look, statement, send_id))

    async def ping(self) -> None:
        """Raises psycopg.Error when the warehouse cannot be reached."""
        await self._asked(self._pages, self.desk.ping)

    @property
    def _is_away(self) -> bool:
        """Did the warehouse fail a moment ago? Without a journal it is asked again all the same."""
        return self.standby is not None and time.monotonic() < self._away_until

    async def _asked(self, calls: Calls, call: Callable[[], T]) -> T:
        """The warehouse's answer. Raises psycopg.Error; at once when the warehouse failed a moment ago."""
        if self._is_away:
            raise psycopg.OperationalError("the warehouse was away a moment ago")
        try:
            return await calls.run(call)
        except psycopg.Error:
            self._away_until = time.monotonic() + _AWAY_SECONDS
            raise
        except TimeoutError:
            self._away_until = time.monotonic() + _AWAY_SECONDS
            raise psycopg.OperationalError("the warehouse does not answer in time") from None


async def body(request: Request) -> bytes:
    """All of a short body. Raises HTTPException 413, 408 or 400."""
    found = bytearray()
    try:
        async with asyncio.timeout(_BODY_SECONDS):
            async for chunk in request.stream():
                found += chunk
                if len(found) > _MAX_BODY:
                    raise HTTPException(413)
    except TimeoutError:
        raise HTTPException(408) from None
    except ClientDisconnect:
        raise HTTPException(400) from None
    return bytes(found)
