"""How long a connection may wait; that it does, over sockets, is in tests/integration/edge."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from unittest.mock import Mock

import pytest
from uvicorn import Config
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.server import ServerState

from marketflow.edge.protocol import GuardedProtocol


class Loop:
    """Remembers what is to be called later."""

    def __init__(self) -> None:
        self.waiting: list[tuple[float, Callable[[], None]]] = []

    def call_later(self, seconds: float, callback: Callable[[], None], *_: Any) -> Mock:
        call = (seconds, callback)
        self.waiting.append(call)
        return Mock(cancel=lambda: self.waiting.remove(call))


@pytest.fixture
def loop() -> Loop:
    return Loop()


@pytest.fixture
def connection(loop: Loop) -> GuardedProtocol:
    found = GuardedProtocol(Config(Mock(), log_config=None), ServerState(), {}, _loop=loop)  # type: ignore[arg-type]
    found.transport = Mock()
    found.flow = FlowControl(found.transport)
    return found


def test_who_does_not_read_the_answers_is_cut_off_in_the_end(connection: GuardedProtocol, loop: Loop) -> None:
    connection.pause_writing()
    assert loop.waiting == [(connection.request_seconds, connection.transport.abort)]
    assert connection.flow.write_paused


@pytest.mark.parametrize("end", [GuardedProtocol.resume_writing, lambda found: found.connection_lost(None)])
def test_who_reads_them_after_all_is_not(
    connection: GuardedProtocol, loop: Loop, end: Callable[[GuardedProtocol], None]
) -> None:
    connection.pause_writing()
    end(connection)
    assert loop.waiting == []
    assert not connection.flow.write_paused


def test_of_requests_in_a_row_the_one_that_is_answered_learns_that_nobody_is_there(connection: GuardedProtocol) -> None:
    """Uvicorn tells the newest one, which may still wait: the other would write to what is closed."""
    connection.loop.create_task = lambda running: (running.close(), Mock())[1]  # type: ignore[method-assign]
    first, second = (Mock(disconnected=False, response_complete=False) for _ in range(2))
    first.run_asgi = _never
    connection._start_asgi_task(first, Mock())
    connection.cycle = second
    connection.connection_lost(None)
    assert (first.disconnected, second.disconnected) == (True, True)


async def _never(_app: Any) -> None:
    """Nothing runs here."""
