"""Work ahead: a thread makes the next things while the caller uses the last."""

from __future__ import annotations

import queue
import threading
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from typing import Generic, TypeVar

T = TypeVar("T")
_WAIT = 0.2  # seconds between two looks at whether the caller has gone


class _End(Generic[T]):
    """The last thing in the queue: how the thread ended."""

    def __init__(self, error: BaseException | None) -> None:
        self.error = error


@contextmanager
def ahead(things: Generator[T, None, None], depth: int = 1) -> Iterator[Iterable[T]]:
    """Make `things` in a thread, at most `depth` ahead; an error there is raised where the thing would have come.

    On leaving, the thread has ended and the generator is closed, whatever happened.
    """
    made: queue.Queue[T | _End[T]] = queue.Queue(depth)
    gone = threading.Event()

    def work() -> None:
        error: BaseException | None = None
        try:
            for thing in things:
                if not _put(made, thing, gone):
                    break
        except BaseException as caught:  # noqa: BLE001 - it is raised again, by the caller
            error = caught
        finally:
            things.close()
        _put(made, _End(error), gone)

    thread = threading.Thread(target=work, name="ahead", daemon=True)
    thread.start()
    try:
        yield _taken(made)
    finally:
        gone.set()
        thread.join()


def _put(made: queue.Queue[T | _End[T]], thing: T | _End[T], gone: threading.Event) -> bool:
    """Put it as soon as there is room; False when nobody will take it any more."""
    while not gone.is_set():
        try:
            made.put(thing, timeout=_WAIT)
        except queue.Full:
            continue
        return True
    return False


def _taken(made: queue.Queue[T | _End[T]]) -> Iterator[T]:
    while True:
        thing = made.get()
        if isinstance(thing, _End):
            if thing.error is not None:
                raise thing.error
            return
        yield thing
