"""The unsubscribe link over HTTP against PostgreSQL: GET changes nothing, POST counts at once, a stranger learns nothing."""

from __future__ import annotations

import base64
import datetime as dt
import json
import logging
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
import uvicorn

from campaign_shop import RING, Desk, add_customer
from conftest import free_port
from marketflow.campaigns import Campaign, load_campaigns, release
from marketflow.edge import create_app
from marketflow.embedded.postgres import Server
from marketflow.privacy import KeyRing, generate_key_ring, unsubscribe_token
from marketflow.shared import Clock


@pytest.fixture
def sent(conn: psycopg.Connection, clock: Clock) -> int:
    """The id of a mail that Ada got."""
    add_customer(conn, "Ada")
    conn.execute("INSERT INTO ops.table_freshness SELECT 'marts.' || t, '2017-12-31', now(), 1 FROM unnest(%s::text[]) AS t",
                 [["customer_360", "product_recommendations", "products"]])  # fmt: skip
    desk = Desk(conn, clock)
    plan = desk.plan(win_back(), approval=False)
    assert release(conn, plan.plan_id, clock=clock) == 1
    conn.execute("UPDATE activation.sends SET state = 'sent'")
    conn.commit()
    [(send_id,)] = desk.rows("SELECT send_id FROM activation.sends")
    return int(send_id)


def win_back() -> Campaign:
    return next(c for c in load_campaigns() if c.name == "win_back")


def edge_dsn(server: Server, warehouse_dsn: str) -> str:
    return f"postgresql://marketflow_edge:test-only@127.0.0.1:{server.port}/{warehouse_dsn.rsplit('/', 1)[1]}"


class Running:
    """The service as `python -m marketflow.edge` runs it, in a thread."""

    def __init__(self, dsn: str, clock: Clock) -> None:
        self.port = free_port()
        app = create_app(dsn, RING, clock, brand="Shop <& Co>")
        config = uvicorn.Config(
            app, host="127.0.0.1", port=self.port, access_log=False, lifespan="off", log_level="info"
        )
        self.server = uvicorn.Server(config)
        self.thread = threading.Thread(target=self.server.run, daemon=True)

    def __enter__(self) -> httpx.Client:
        listening = threading.Event()
        startup = self.server.startup

        async def announced(*args: Any, **options: Any) -> None:
            await startup(*args, **options)
            listening.set()

        self.server.startup = announced  # type: ignore[method-assign]
        self.thread.start()
        assert listening.wait(20)
        self.client = httpx.Client(base_url=f"http://127.0.0.1:{self.port}", timeout=20)
        return self.client

    def __exit__(self, *_: object) -> None:
        self.client.close()
        self.server.should_exit = True
        self.thread.join(20)


@pytest.fixture
def http(pg_server: Server, warehouse_dsn: str, clock: Clock) -> Iterator[httpx.Client]:
    with Running(edge_dsn(pg_server, warehouse_dsn), clock) as client:
        yield client


def link(send_id: int) -> str:
    return f"/u/{unsubscribe_token(RING, send_id)}"


def records(conn: psycopg.Connection) -> tuple[list[Any], list[Any], list[Any]]:
    conn.rollback()
    return (
        conn.execute("SELECT channel, purpose, granted FROM privacy.consents").fetchall(),
        conn.execute("SELECT channel, reason FROM privacy.suppressions").fetchall(),
        conn.execute("SELECT channel, purpose, granted, how, send_id FROM privacy.consent_events").fetchall(),
    )


BEFORE: tuple[list[Any], list[Any], list[Any]] = ([("email", "marketing", True)], [], [])


def after(send_id: int) -> tuple[list[Any], list[Any], list[Any]]:
    event = ("email", "marketing", False, "unsubscribe link", send_id)
    return ([("email", "marketing", False)], [("email", "unsubscribed")], [event])


def test_looking_changes_nothing(http: httpx.Client, conn: psycopg.Connection, sent: int) -> None:
    """Scanners open the links of mails before people do."""
    for _ in range(3):
        page = http.get(link(sent))
        assert page.status_code == 200
    assert 'method="post"' in page.text
    assert "Shop &lt;&amp; Co&gt;" in page.text
    head = http.head(link(sent))
    assert (head.status_code, head.text) == (200, "")
    assert records(conn) == BEFORE


def test_pages_are_private_and_without_scripts(http: httpx.Client, sent: int) -> None:
    for page in (http.get(link(sent)), http.get("/u/nonsense"), http.post(link(sent))):
        assert page.headers["cache-control"] == "no-store"
        assert "noindex" in page.headers["x-robots-tag"]
        assert page.headers["referrer-policy"] == "no-referrer"
        assert page.headers["content-security-policy"].startswith("default-src 'none'; style-src 'sha256-")
        assert "frame-ancestors 'none'" in page.headers["content-security-policy"]
        assert "<script" not in page.text
        assert "set-cookie" not in page.headers
        assert "server" not in page.headers or "uvicorn" in page.headers["server"]


def test_one_click_counts_at_once(http: httpx.Client, conn: psycopg.Connection, sent: int, clock: Clock) -> None:
    """RFC 8058: a POST with the one field, no cookie, no redirect."""
    answer = http.post(link(sent), data={"List-Unsubscribe": "One-Click"}, follow_redirects=False)
    assert answer.status_code == 200
    assert "You are unsubscribed" in answer.text
    assert records(conn) == after(sent)
    plan = Desk(conn, clock).plan(win_back(), occasion="another day", approval=False)
    assert (plan.planned, plan.refusals) == (0, {"suppressed": 1})


def test_an_import_that_still_says_yes_does_not_undo_it(
    http: httpx.Client, conn: psycopg.Connection, sent: int, clock: Clock
) -> None:
    http.post(link(sent))
    conn.execute("UPDATE privacy.consents SET granted = true")
    conn.commit()
    assert Desk(conn, clock).plan(win_back(), occasion="another day").refusals == {"suppressed": 1}


@pytest.mark.parametrize(
    "request_body",
    [
        {"data": {"List-Unsubscribe": "One-Click"}},
        {"files": {"List-Unsubscribe": (None, "One-Click")}},
        {"content": b""},
        {"content": b"\xff\x00 what is this", "headers": {"content-type": "application/json"}},
    ],
)
def test_the_link_alone_is_enough(
    http: httpx.Client, conn: psycopg.Connection, sent: int, request_body: dict[str, Any]
) -> None:
    assert http.post(link(sent), **request_body).status_code == 200
    assert records(conn) == after(sent)


def test_again_is_the_same(http: httpx.Client, conn: psycopg.Connection, sent: int) -> None:
    pages = [http.post(link(sent)) for _ in range(3)]
    assert {(p.status_code, p.text) for p in pages} == {(200, pages[0].text)}
    assert records(conn) == after(sent)


def test_many_at_once_are_one(http: httpx.Client, conn: psycopg.Connection, sent: int) -> None:
    codes: list[int] = []
    threads = [threading.Thread(target=lambda: codes.append(http.post(link(sent)).status_code)) for _ in range(12)]
    for t in threads:
        t.start()
    for t in threads:
        t.join(30)
    assert codes == [200] * 12
    assert records(conn) == after(sent)


def test_who_came_back_can_leave_again_with_an_old_mail(
    http: httpx.Client, conn: psycopg.Connection, sent: int
) -> None:
    http.post(link(sent))
    conn.execute("DELETE FROM privacy.suppressions")
    conn.execute("UPDATE privacy.consents SET granted = true")
    conn.commit()
    http.post(link(sent))
    consents, suppressions, events = records(conn)
    assert (consents, suppressions, len(events)) == (*after(sent)[:2], 2)


def test_nobody_can_make_a_link(http: httpx.Client, conn: psycopg.Connection, sent: int) -> None:
    token = unsubscribe_token(RING, sent)
    other = KeyRing.from_json(generate_key_ring())
    forged = [
        token[:-1] + ("A" if token[-1] != "A" else "B"),
        unsubscribe_token(other, sent),
        str(sent),
        "x" * 5000,
        "%00",
        "..%2f..%2fetc",
        "{{7*7}}",
        "%3Cscript%3E",
    ]
    answers = [http.request(m, f"/u/{t}") for t in forged for m in ("GET", "POST")]
    assert {(a.status_code, a.text) for a in answers} == {(404, http.get("/nowhere").text)}
    assert records(conn) == BEFORE


def test_a_link_to_a_message_that_is_gone(http: httpx.Client, conn: psycopg.Connection, sent: int) -> None:
    assert http.post(link(sent + 1000)).status_code == 404
    assert records(conn) == BEFORE


def test_a_post_on_the_shop_s_own_account_is_not_unsubscribed(
    http: httpx.Client, conn: psycopg.Connection, sent: int
) -> None:
    conn.execute("UPDATE activation.sends SET purpose = 'post'")
    conn.commit()
    assert http.post(link(sent)).status_code == 404
    assert records(conn) == BEFORE


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "BREW"])
def test_odd_methods_do_nothing(http: httpx.Client, conn: psycopg.Connection, sent: int, method: str) -> None:
    answer = http.request(method, link(sent))
    assert answer.status_code in (400, 405)
    assert records(conn) == BEFORE


def test_a_large_body_is_refused(http: httpx.Client, conn: psycopg.Connection, sent: int) -> None:
    assert http.post(link(sent), content=b"x" * 10_000).status_code == 413
    assert http.post(link(sent), content=iter([b"x" * 3_000] * 3)).status_code == 413
    assert records(conn) == BEFORE


def test_half_a_request_holds_nobody_up(http: httpx.Client, conn: psycopg.Connection, sent: int) -> None:
    with socket.create_connection((http.base_url.host, http.base_url.port or 0)) as slow:
        slow.sendall(f"POST {link(sent)} HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nabc".encode())
        assert http.post(link(sent)).status_code == 200
    assert records(conn) == after(sent)


def test_without_the_warehouse_the_reader_is_asked_to_come_back(
    clock: Clock, sent: int, caplog: pytest.LogCaptureFixture
) -> None:
    with (
        Running(f"postgresql://marketflow_edge:secret-word@127.0.0.1:{free_port()}/gone", clock) as client,
        caplog.at_level(logging.DEBUG, "marketflow"),
    ):
        answer = client.post(link(sent))
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "120")
        assert "nothing has changed yet" in answer.text
        assert client.get(link(sent)).status_code == 200
        assert client.get("/health").status_code == 503
    assert "secret-word" not in caplog.text + answer.text
    assert unsubscribe_token(RING, sent) not in caplog.text


def test_health(http: httpx.Client) -> None:
    assert (http.get("/health").status_code, http.get("/health").json()) == (200, {"status": "ok"})


def test_as_a_process_it_logs_no_request(pg_server: Server, warehouse_dsn: str, sent: int, tmp_path: Path) -> None:
    """`python -m marketflow.edge`, as make up and the container run it; the path of a request is its reader's secret."""
    port = free_port()
    environment = os.environ | {
        "MARKETFLOW_WAREHOUSE_DSN": edge_dsn(pg_server, warehouse_dsn),
        "MARKETFLOW_KEYS": json.dumps(
            {
                "encryption": {"1": base64.b64encode(RING.encryption[1]).decode()},
                "hashing": base64.b64encode(RING.hashing).decode(),
                "signing": base64.b64encode(RING.signing).decode(),
            }
        ),
        "MARKETFLOW_EDGE_PORT": str(port),
    }
    log = tmp_path / "log"
    with log.open("w") as out:
        process = subprocess.Popen([sys.executable, "-m", "marketflow.edge"], env=environment, stdout=out, stderr=out)
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", transport=httpx.HTTPTransport(retries=8)) as client:
            assert client.get("/health", timeout=30).json() == {"status": "ok"}
            assert [client.get(link(sent)).status_code, client.post(link(sent)).status_code] == [200, 200]
            assert client.post("/u/forged").status_code == 404
    finally:
        process.terminate()
        process.wait(20)
    said = log.read_text()
    assert "Uvicorn running" in said
    assert unsubscribe_token(RING, sent) not in said
    assert "/u/" not in said


def test_without_its_secrets_it_says_which() -> None:
    environment = {k: v for k, v in os.environ.items() if k not in ("MARKETFLOW_WAREHOUSE_DSN", "MARKETFLOW_KEYS")}
    done = subprocess.run(
        [sys.executable, "-m", "marketflow.edge"], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "MARKETFLOW_WAREHOUSE_DSN (role edge) and MARKETFLOW_KEYS" in done.stderr


@pytest.mark.parametrize(
    "query",
    [
        "SELECT address FROM core.contact_points",
        "SELECT given_name FROM core.customers",
        "SELECT content FROM activation.sends",
        "SELECT 1 FROM marts.customer_360",
        "SELECT 1 FROM privacy.suppressions",
        "UPDATE activation.sends SET state = 'cancelled'",
        "DELETE FROM privacy.suppressions",
        "DELETE FROM privacy.consent_events",
        "UPDATE privacy.consents SET purpose = 'x'",
        "SET ROLE marketflow_owner",
    ],
)
def test_the_role_edge_may_do_nothing_else(pg_server: Server, warehouse_dsn: str, query: str) -> None:
    with (
        psycopg.connect(edge_dsn(pg_server, warehouse_dsn)) as conn,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        conn.execute(query)


def test_the_owner_s_login_takes_on_the_role(
    warehouse_dsn: str, conn: psycopg.Connection, clock: Clock, sent: int
) -> None:
    with Running(warehouse_dsn, clock) as client:
        assert client.post(link(sent)).status_code == 200
    assert records(conn) == after(sent)
    assert (
        dt.timedelta(0)
        <= clock.now() - conn.execute("SELECT since FROM privacy.suppressions").fetchone()[0]
        < dt.timedelta(minutes=5)
    )
