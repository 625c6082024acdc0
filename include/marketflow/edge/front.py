"""What all pages share: whose message a link is about, the reader's language, and where an answer goes."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from functools import partial
from typing import TypeVar

import anyio.to_thread
import psycopg
from anyio import CapacityLimiter
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request

from marketflow.edge.answers import Answer
from marketflow.edge.collector.log import NotDurable
from marketflow.edge.desk import Desk, Standby
from marketflow.privacy import KeyRing
from marketflow.shared import Clock

_MAX_TOKEN = 200
_MAX_BODY = 4_096
_BODY_SECONDS = 10
_CONNECTIONS = 8
log = logging.getLogger(__name__)
T = TypeVar("T")


class Front:
    """What the pages work with. `standby` keeps answers while the warehouse is away; without one they are refused."""

    def __init__(self, desk: Desk, keys: KeyRing, clock: Clock, brand: str, standby: Standby | None) -> None:
        self.desk, self.keys, self.clock, self.brand, self.standby = desk, keys, clock, brand, standby
        self._slots = CapacityLimiter(_CONNECTIONS)

    def send_id(self, request: Request, read: Callable[[KeyRing, str], int | None]) -> int | None:
        """The message that the token in the address stands for; None: it is none of ours."""
        token = request.path_params["token"]
        return read(self.keys, token) if len(token) <= _MAX_TOKEN else None

    async def take(self, said: Answer) -> bool:
        """Record an answer, or keep it in the journal; False when there is no such message.

        Raises NotDurable when it could be kept nowhere.
        """
        if self.standby is None or not self.standby.is_away:
            try:
                return await self.in_thread(partial(self.desk.record, said))
            except psycopg.Error as error:
                self._missed(error)
        if self.standby is None:
            raise NotDurable
        await self.standby.keep(said)
        return True

    async def look(self, statement: str, send_id: int) -> dict[str, object] | None:
        """The one row of a statement about a message, if there is such a message. Raises psycopg.Error."""
        return await self.in_thread(partial(self.desk.look, statement, send_id))

    async def in_thread(self, call: Callable[[], T]) -> T:
        """Run what waits for the warehouse, a few calls at a time."""
        return await anyio.to_thread.run_sync(call, limiter=self._slots)

    def _missed(self, error: psycopg.Error) -> None:
        if self.standby is not None:
            self.standby.missed()
        where = "was not recorded" if self.standby is None else "goes to the journal"
        log.warning("an answer %s: the warehouse is away (%s)", where, type(error).__name__)


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
