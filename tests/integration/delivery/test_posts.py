"""Posts by webhook and Mastodon, against servers that speak the real protocols."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import psycopg
import pytest
from mastodon_mock.testing import MockServer

from conftest import free_port
from ledger_fixture import KEYS, Filled, HandClock, fill, options, row, states
from marketflow.campaigns.delivery import (
    AccountTarget,
    Channel,
    DeliverySummary,
    MastodonChannel,
    MastodonTarget,
    SmtpTarget,
    WebhookChannel,
    WebhookTarget,
    deliver,
    make_channel,
)
from marketflow.shared import ConfigurationError, Settings
from marketflow.warehouse import connect


class Hook(BaseHTTPRequestHandler):
    """Keeps what it is posted; answers `replies` in turn, the last one for ever. `hang` waits, `drop` says nothing."""

    replies: list[Any]
    taken: list[dict[str, Any]]
    over: threading.Event

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.taken.append({**body, "header": self.headers["Idempotency-Key"], "auth": self.headers["Authorization"]})
        reply = self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]
        if reply == "hang":
            self.over.wait(30)
        if isinstance(reply, str):
            self.connection.close()
            return
        self.send_response(reply)
        self.send_header("Retry-After", "600")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def serving(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    """The URL of a server in a thread."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def hook() -> Iterator[Any]:
    handler: Any = type("OneHook", (Hook,), {"replies": [200], "taken": [], "over": threading.Event()})
    with serving(handler) as url:
        handler.url = f"{url}/hook"
        yield handler
        handler.over.set()


@pytest.fixture(scope="module")
def mastodon() -> Iterator[MockServer]:
    with MockServer() as server:
        yield server


def post(dsn: str, channel: Channel, clock: HandClock | None = None) -> DeliverySummary:
    return deliver(partial(connect, dsn), channel, keys=KEYS, clock=clock or HandClock(), options=options())


def webhook(hook: Any, **changes: Any) -> WebhookChannel:
    target = WebhookTarget(**{"url": hook.url, "headers": {"Authorization": "Bearer secret"}, **changes})
    return WebhookChannel(lambda _: target, timeout=0.3)


def posts(conn: psycopg.Connection, count: int = 1, channel: str = "webhook") -> Filled:
    return fill(conn, count, campaign="best_sellers", channel=channel, purpose="post", consent=False)


def test_a_webhook_gets_the_post_and_its_key(conn: psycopg.Connection, warehouse_dsn: str, hook: Any) -> None:
    filled = posts(conn, 3)
    assert post(warehouse_dsn, webhook(hook)).sent == 3
    assert [t["idempotency_key"] for t in hook.taken] == filled.message_ids
    assert [t["header"] for t in hook.taken] == filled.message_ids
    assert {t["campaign"] for t in hook.taken} == {"best_sellers"}
    assert hook.taken[0]["text"].startswith("This week:")
    assert hook.taken[0]["auth"] == "Bearer secret"


@pytest.mark.parametrize(
    ("reply", "state", "reason"),
    [
        (404, "failed", "http_404"), (400, "failed", "http_400"), (301, "failed", "http_301"),
        (429, "deferred", "http_429"), (501, "deferred", "http_501"), (503, "deferred", "http_503"),
        (401, "deferred", "http_401"),
        (500, "unknown", "http_500"), (520, "unknown", "http_520"),
        (502, "unknown", "no_reply"), (504, "unknown", "no_reply"), ("drop", "unknown", "no_reply"),
        ("hang", "unknown", "no_reply"),
    ],
)  # fmt: skip
def test_what_a_webhook_answers_is_what_the_ledger_says(
    conn: psycopg.Connection, warehouse_dsn: str, hook: Any, *, reply: Any, state: str, reason: str
) -> None:
    filled = posts(conn, 2)
    hook.replies[:] = [reply, 200]
    summary = post(warehouse_dsn, webhook(hook))
    assert (summary.sent, getattr(summary, state), summary.reasons) == (1, 1, {reason: 1})
    assert row(conn, filled.send_ids[0])["reason"] == reason
    assert len(hook.taken) == 2
    clock = HandClock()
    clock.pass_time(minutes=9)
    assert post(warehouse_dsn, webhook(hook), clock).claimed == 0  # it said: not within ten
    clock.pass_time(minutes=2)
    assert post(warehouse_dsn, webhook(hook), clock).sent == (1 if state == "deferred" else 0)


@pytest.mark.parametrize("first", ["drop", 500, 502])
def test_a_webhook_that_keeps_keys_is_asked_again_at_once(
    conn: psycopg.Connection, warehouse_dsn: str, hook: Any, *, first: Any
) -> None:
    filled = posts(conn)
    hook.replies[:] = [first, 200]
    assert post(warehouse_dsn, webhook(hook, keeps_keys=True)).sent == 1
    assert [t["header"] for t in hook.taken] == filled.message_ids * 2


def test_a_webhook_that_is_not_there_is_tried_later(conn: psycopg.Connection, warehouse_dsn: str) -> None:
    posts(conn, 2)
    target = WebhookTarget(url=f"http://127.0.0.1:{free_port()}/")
    post(warehouse_dsn, WebhookChannel(lambda _: target, timeout=0.3))
    assert states(conn) == {("deferred", "connect_failed"): 2}


@pytest.mark.parametrize("url", ["ftp://x.test/", "no url", "http://[::1", "http://a..b/"])
def test_a_webhook_that_cannot_be_one_fails(conn: psycopg.Connection, warehouse_dsn: str, url: str) -> None:
    posts(conn)
    post(warehouse_dsn, WebhookChannel(lambda _: WebhookTarget(url=url), timeout=0.3))
    assert states(conn) == {("failed", "bad_target"): 1}


def test_an_account_that_cannot_be_found_waits_for_it(conn: psycopg.Connection, warehouse_dsn: str, hook: Any) -> None:
    filled = posts(conn, 2)
    known = {filled.addresses[1]: WebhookTarget(url=hook.url)}
    assert post(warehouse_dsn, WebhookChannel(known.__getitem__)).reasons == {"target_not_found": 1}
    assert len(hook.taken) == 1
    wrong_kind = MastodonTarget(base_url=hook.url, token="t")
    clock = HandClock()
    clock.pass_time(hours=1)
    assert post(warehouse_dsn, WebhookChannel(lambda _: wrong_kind), clock).reasons == {"target_not_found": 1}


def toot(server: MockServer, token: str | None = None, timeout: float = 5.0) -> MastodonChannel:
    target = MastodonTarget(base_url=server.base_url, token=token or server.client().access_token)
    return MastodonChannel(lambda _: target, timeout=timeout)


def misbehave(server: MockServer, effect: dict[str, Any], times: int) -> None:
    """The next `times` posts meet this."""
    rule = {"match": {"path": "/api/v1/statuses", "methods": ["POST"]}, "effect": effect, "count": times}
    httpx.post(f"{server.base_url}/api/v1/_mock/faults", json=rule).raise_for_status()


def statuses(server: MockServer) -> list[str]:
    client = server.client()
    return [s.content for s in client.account_statuses(client.me().id, limit=40)]


def test_a_post_is_published_on_mastodon(conn: psycopg.Connection, warehouse_dsn: str, mastodon: MockServer) -> None:
    before = len(statuses(mastodon))
    posts(conn, 2, "mastodon")
    assert post(warehouse_dsn, toot(mastodon)).sent == 2
    found = statuses(mastodon)
    assert len(found) == before + 2
    assert all("This week:" in text for text in found[:2])


@pytest.mark.parametrize(
    ("status", "state", "reason"),
    [
        (422, "failed", "http_422"), (429, "deferred", "http_429"), (503, "deferred", "http_503"),
        (401, "deferred", "http_401"), (404, "failed", "http_404"),
    ],
)  # fmt: skip
def test_what_mastodon_answers_is_what_the_ledger_says(
    conn: psycopg.Connection, warehouse_dsn: str, mastodon: MockServer, *, status: int, state: str, reason: str
) -> None:
    before = len(statuses(mastodon))
    posts(conn, 2, "mastodon")
    misbehave(mastodon, {"type": "status", "status": status}, times=1)
    summary = post(warehouse_dsn, toot(mastodon))
    assert (summary.sent, getattr(summary, state), summary.reasons) == (1, 1, {reason: 1})
    assert len(statuses(mastodon)) == before + 1


@pytest.mark.parametrize(("times", "reasons"), [(1, {}), (2, {"http_500": 1})])
def test_mastodon_that_breaks_over_a_post_is_asked_once_more_while_it_knows_the_key(
    conn: psycopg.Connection, warehouse_dsn: str, mastodon: MockServer, *, times: int, reasons: dict[str, int]
) -> None:
    """It may have published first; an hour later the key is gone, so this is the time to ask."""
    before = len(statuses(mastodon))
    posts(conn, 1, "mastodon")
    misbehave(mastodon, {"type": "status", "status": 500}, times=times)
    summary = post(warehouse_dsn, toot(mastodon))
    assert (summary.sent, summary.unknown, summary.reasons) == (2 - times, times - 1, reasons)
    assert len(statuses(mastodon)) == before + 2 - times


@pytest.fixture
def gateway(mastodon: MockServer) -> Iterator[Any]:
    """Stands before the server and swallows the answers to the first `times` posts: the server has taken them."""

    class Gateway(BaseHTTPRequestHandler):
        times = 0

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            reply = httpx.post(mastodon.base_url + self.path, content=body, headers=dict(self.headers))
            if Gateway.times:
                Gateway.times -= 1
                self.connection.close()
                return
            self.send_response(reply.status_code)
            self.send_header("Content-Length", str(len(reply.content)))
            self.end_headers()
            self.wfile.write(reply.content)

        def log_message(self, *_: object) -> None:
            pass

    with serving(Gateway) as url:
        yield Gateway, MastodonTarget(base_url=url, token=mastodon.client().access_token)


@pytest.mark.parametrize(("times", "state"), [(1, "sent"), (2, "unknown")])
def test_mastodon_is_asked_once_more_and_posts_once(
    conn: psycopg.Connection, warehouse_dsn: str, mastodon: MockServer, gateway: Any, *, times: int, state: str
) -> None:
    before = len(statuses(mastodon))
    posts(conn, 1, "mastodon")
    gateway[0].times = times
    channel = MastodonChannel(lambda _: gateway[1], timeout=5)
    assert getattr(post(warehouse_dsn, channel), state) == 1
    assert len(statuses(mastodon)) == before + 1
    clock = HandClock()
    clock.pass_time(hours=2)
    assert post(warehouse_dsn, channel, clock).claimed == 0


def test_mastodon_that_is_not_there_is_tried_later(conn: psycopg.Connection, warehouse_dsn: str) -> None:
    posts(conn, 1, "mastodon")
    target = MastodonTarget(base_url=f"http://127.0.0.1:{free_port()}", token="t")
    post(warehouse_dsn, MastodonChannel(lambda _: target, timeout=0.5))
    assert states(conn) == {("deferred", "connect_failed"): 1}


def test_channels_are_made_by_name() -> None:
    smtp = SmtpTarget(host="mail.test", port=25, password="secret")

    def account(_: str) -> AccountTarget:
        return WebhookTarget(url="https://hook.test/secret")

    for name in ("email", "webhook", "mastodon", "memory"):
        assert make_channel(name, smtp=lambda: smtp, account=account, settings=Settings()).name == name
    with pytest.raises(ConfigurationError, match="fax"):
        make_channel("fax", smtp=lambda: smtp, account=account, settings=Settings())
    assert "secret" not in repr(smtp) + repr(account("")) + repr(
        MastodonTarget(base_url="https://m.test", token="secret")
    )
