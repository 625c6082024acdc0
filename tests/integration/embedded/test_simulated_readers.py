"""Readers ask a real HTTP server, as the programs that they stand for, and follow no redirect out of it."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from conftest import free_port
from marketflow.embedded.simulation.behaviour import AGENTS, Act
from marketflow.embedded.simulation.mails import Handles
from marketflow.embedded.simulation.readers import AT_ONCE, read_mails
from marketflow.shared import MarketflowError

Asked = tuple[str, str, str, bytes]


class Service(ThreadingHTTPServer):
    """Answers as the edge service does, and remembers who asked; counts how many ask at once."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.asked: list[Asked] = []
        self.lock, self.now, self.most = threading.Lock(), 0, 0
        self.gate: threading.Barrier | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: Service
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        with self.server.lock:
            self.server.now += 1
            self.server.most = max(self.server.most, self.server.now)
        if self.server.gate:
            self.server.gate.wait(20)
        with self.server.lock:
            self.server.now -= 1
            length = int(self.headers.get("Content-Length") or 0)
            self.server.asked.append((self.command, self.path, self.headers["User-Agent"], self.rfile.read(length)))
        self.send_response(404 if "gone" in self.path else 302 if self.path.startswith("/c/") else 200)
        if self.path.startswith("/c/"):
            self.send_header("Location", f"{self.server.url}/outside")
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_POST = do_GET  # noqa: N815

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture
def service() -> Iterator[Service]:
    with Service() as made:
        thread = threading.Thread(target=made.serve_forever, daemon=True)
        thread.start()
        yield made
        made.shutdown()
        thread.join(20)


def mail(service: Service, name: str = "m", links: int = 2) -> Handles:
    return Handles(
        message_id=f"{name}@example.com", pixel=f"{service.url}/o/{name}.gif",
        clicks=tuple(f"{service.url}/c/{name}/{n}" for n in range(links)), unsubscribe=f"{service.url}/u/{name}",
    )  # fmt: skip


def test_each_act_is_a_request_of_its_program_in_order_and_no_redirect_is_followed(service: Service) -> None:
    acts = [
        Act("open", "scanner"), Act("click", "scanner", all_links=True), Act("open", "gmail_proxy"),
        Act("click", "iphone", which=0.99), Act("unsubscribe", "iphone"),
    ]  # fmt: skip
    counts = read_mails(service.url, [(mail(service), acts)])
    assert counts == {"open": 2, "click": 3, "unsubscribe": 1}
    assert service.asked == [
        ("GET", "/o/m.gif", AGENTS["scanner"], b""), ("GET", "/c/m/0", AGENTS["scanner"], b""),
        ("GET", "/c/m/1", AGENTS["scanner"], b""), ("GET", "/o/m.gif", AGENTS["gmail_proxy"], b""),
        ("GET", "/c/m/1", AGENTS["iphone"], b""), ("POST", "/u/m", AGENTS["iphone"], b"List-Unsubscribe=One-Click"),
    ]  # fmt: skip


def test_several_mails_are_read_at_once_but_not_more_than_stated(service: Service) -> None:
    service.gate = threading.Barrier(AT_ONCE)  # nobody is answered before so many have asked
    mails = [(mail(service, f"m{n}"), [Act("open", "windows")]) for n in range(3 * AT_ONCE)]
    assert read_mails(service.url, mails) == {"open": 3 * AT_ONCE}
    assert service.most == AT_ONCE
    assert Counter(path for _, path, _, _ in service.asked) == {f"/o/m{n}.gif": 1 for n in range(3 * AT_ONCE)}


def test_what_a_mail_does_not_have_is_not_asked_for(service: Service) -> None:
    bare = Handles(message_id="x", pixel=None, clicks=(), unsubscribe=None)
    acts = [
        Act("open", "windows"),
        Act("click", "windows"),
        Act("click", "scanner", all_links=True),
        Act("unsubscribe", "windows"),
    ]
    assert not read_mails(service.url, [(bare, acts)])
    assert service.asked == []


def test_an_answer_that_was_not_expected_is_counted_apart(service: Service) -> None:
    acts = [Act("open", "windows"), Act("click", "windows")]
    assert read_mails(service.url, [(mail(service, "gone"), acts)]) == {"refused": 2}


def test_without_the_service_nobody_has_read_anything() -> None:
    url = f"http://127.0.0.1:{free_port()}"
    bare = Handles(message_id="x", pixel=f"{url}/o/x.gif", clicks=(), unsubscribe=None)
    with pytest.raises(MarketflowError, match="edge service does not answer"):
        read_mails(url, [(bare, [Act("open", "windows")])])
