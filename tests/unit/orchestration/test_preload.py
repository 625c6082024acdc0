"""The scheduler's head start: heavy imports once, and no task before the task API answers."""

from __future__ import annotations

import http.server
import importlib.util
import threading
import time
from collections.abc import Iterator

import pytest

from conftest import free_port
from marketflow.orchestration.preload import AWAITED, MODULES, await_task_api, preload


class Healthy(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/execution/health" else 404)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def port() -> Iterator[int]:
    """Where a task API begins to answer after half a second."""
    number = free_port()
    served: list[http.server.HTTPServer] = []

    def serve() -> None:
        served.append(http.server.HTTPServer(("127.0.0.1", number), Healthy))
        served[0].serve_forever(poll_interval=0.05)

    timer = threading.Timer(0.5, serve)
    timer.start()
    yield number
    timer.cancel()
    for server in served:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize("arguments", [["airflow"], ["airflow", "api-server"], ["airflow", "tasks", "run"], []])
def test_only_a_scheduler_preloads_and_waits(monkeypatch: pytest.MonkeyPatch, arguments: list[str]) -> None:
    monkeypatch.setenv(AWAITED, f"http://127.0.0.1:{free_port()}/execution/health")
    assert preload(arguments) == []
    began = time.monotonic()
    assert not await_task_api(arguments)
    assert time.monotonic() - began < 1


def test_every_module_to_preload_exists() -> None:
    assert [name for name in MODULES if importlib.util.find_spec(name) is None] == []


def test_a_scheduler_waits_until_the_task_api_answers(monkeypatch: pytest.MonkeyPatch, port: int) -> None:
    monkeypatch.setenv(AWAITED, f"http://127.0.0.1:{port}/execution/health")
    began = time.monotonic()
    assert await_task_api(["airflow", "scheduler"])
    assert time.monotonic() - began > 0.4


def test_a_scheduler_does_not_wait_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(AWAITED, f"http://127.0.0.1:{free_port()}/execution/health")
    assert not await_task_api(["airflow", "scheduler"], patience=0.3)


def test_without_an_address_nobody_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(AWAITED, raising=False)
    assert not await_task_api(["airflow", "scheduler"])
