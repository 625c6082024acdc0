"""Calls that wait for the warehouse: few at a time, and nobody waits for one for longer than he would."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

T = TypeVar("T")


class Calls:
    """Runs calls in threads, at most `most` at a time; who asks waits `seconds` at most, for a place and the answer.

    A server that is frozen, or a network that swallows what is sent, can hold a thread for as long as TCP allows. Such
    a thread is left alone and keeps its place until it ends: there are never more of them. The process may end first.
    """

    def __init__(self, most: int, seconds: float) -> None:
        self._places, self._seconds = asyncio.Semaphore(most), seconds

    async def run(self, call: Callable[[], T]) -> T:
        """What `call` returns or raises. Raises TimeoutError; the call may have begun then, and may yet succeed."""
        loop = asyncio.get_running_loop()
        done: asyncio.Future[T] = loop.create_future()
        async with asyncio.timeout(self._seconds):
            await self._places.acquire()
            try:
                threading.Thread(target=self._work, args=(loop, call, done), name="call", daemon=True).start()
            except RuntimeError:  # no more threads
                self._places.release()
                raise TimeoutError from None
            return await done

    def _work(self, loop: asyncio.AbstractEventLoop, call: Callable[[], T], done: asyncio.Future[T]) -> None:
        try:
            tell = partial(_tell, done.set_result, done, call())
        except BaseException as error:  # noqa: BLE001  (it is raised where it is waited for)
            tell = partial(_tell, done.set_exception, done, error)
        with contextlib.suppress(RuntimeError):  # the loop has ended: nobody waits
            loop.call_soon_threadsafe(self._end, tell)

    def _end(self, tell: Callable[[], None]) -> None:
        self._places.release()
        tell()


def _tell(how: Callable[[Any], None], done: asyncio.Future[T], what: object) -> None:
    if not done.done():
        how(what)
