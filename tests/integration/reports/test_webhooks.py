"""Webhooks over HTTP, through the journal, into the warehouse."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import json
import logging
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
import uvicorn

from campaign_shop import RING
from conftest import free_port
from edge_process import NO_WAREHOUSE, EdgeProcess, everything
from ledger_fixture import NOW, HandClock
from marketflow.campaigns.reports import take_reports
from marketflow.campaigns.reports.journal import Tally
from marketflow.edge import create_app
from marketflow.edge.collector import EventLog
from marketflow.edge.webhooks import Hooks, Ses
from marketflow.privacy import bounce_token
from marketflow.shared.ids import PROVIDER_ARGUMENT
from marketflow.warehouse import connect, use_role
from reports import handed_over, kinds, shut_out
from webhook_signers import TOPIC, Amazon, Twilio, bounce, complaint, delivery, event, late_bounce

UNKNOWN = f"{'ff' * 16}@example.com"
TWILIO = Twilio()


@contextlib.contextmanager
def serving(folder: Path, amazon: Amazon) -> Iterator[httpx.Client]:
    """The edge service with the webhook of SES; its journal is closed at the end."""
    clock, port = HandClock(), free_port()
    hooks = Hooks([Ses([TOPIC], RING, clock, fetch=amazon.get)], EventLog(folder, RING, clock, reserve_bytes=0))
    app = create_app(NO_WAREHOUSE, RING, clock, brand="Shop", hooks=hooks)
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=port, lifespan="off", log_level="warning"))
    hooks.journal.start()
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", transport=httpx.HTTPTransport(retries=8)) as client:
            yield client
    finally:
        server.should_exit = True
        thread.join(20)
        hooks.journal.close()


def take(dsn: str, folder: Path) -> Tally:
    with connect(dsn) as conn:
        use_role(conn, "sender")
        conn.commit()
        found = take_reports(conn, folder, RING, HandClock())
    assert found.problems == ()
    return found.tally


def test_what_ses_reports_is_recorded_once_in_any_order_and_shuts_out(
    conn: psycopg.Connection, warehouse_dsn: str, tmp_path: Path
) -> None:
    filled, amazon = handed_over(conn, 5), Amazon()
    ids = filled.message_ids
    told = [
        complaint(ids[0]), delivery(ids[0]),  # out of order
        delivery(ids[1]), bounce(ids[1]),  # it was taken, and then came back
        bounce(ids[2], "Transient", "MailboxFull", "4.2.2"), bounce(ids[3], "Permanent", "General", "5.7.1"),
        bounce(UNKNOWN), delivery(ids[4]), bounce(ids[2], "Permanent", "General", "5.2.2"),
    ]  # fmt: skip
    with serving(tmp_path / "reports", amazon) as http:
        bodies = [amazon.notify(event) for event in told]
        for body in (*bodies, *bodies):
            assert http.post("/hooks/ses", content=body).status_code == 200
    tally = take(warehouse_dsn, tmp_path / "reports")
    assert (tally.unknown, tally.about_us, tally.odd, tally.suppressed) == (2, 2, 0, 2)
    assert dict(tally.recorded) == {"delivered": 3, "complaint": 1, "bounce_hard": 1, "bounce_soft": 1}
    s = filled.send_ids
    assert kinds(conn) == {
        (s[0], "complaint"): 1, (s[0], "delivered"): 1, (s[1], "delivered"): 1, (s[1], "bounce_hard"): 1,
        (s[2], "bounce_soft"): 1, (s[4], "delivered"): 1,
    }  # fmt: skip
    assert shut_out(conn) == {filled.contact_ids[0]: "complaint", filled.contact_ids[1]: "hard_bounce"}
    assert list((tmp_path / "reports").iterdir()) == []
    assert take(warehouse_dsn, tmp_path / "reports") == Tally()


def test_a_forged_report_is_refused_leaves_nothing_and_is_not_quoted(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    amazon, ids = Amazon(), UNKNOWN
    with serving(tmp_path / "reports", amazon) as http, caplog.at_level(logging.INFO):
        for body in (
            Amazon().notify(bounce(ids)),
            b"somebody@example.com",
            b"{}",
            amazon.notify(bounce(ids), TopicArn="arn:x"),
        ):
            answer = http.post("/hooks/ses", content=body)
            assert (answer.status_code, answer.text) == (403, "not taken")
        assert http.get("/hooks/ses").status_code == 405
        assert http.post("/hooks/sendgrid", content=b"[]").status_code == 404
    assert list((tmp_path / "reports").iterdir()) == []
    assert "requests were refused: 1 to /hooks/ses that nobody has signed" in caplog.text
    assert "somebody" not in caplog.text


def test_a_subscription_is_confirmed_and_amazon_tries_again_when_that_fails(tmp_path: Path) -> None:
    amazon = Amazon()
    with serving(tmp_path / "reports", amazon) as http:
        assert http.post("/hooks/ses", content=amazon.notify(delivery(UNKNOWN))).status_code == 200
        amazon.is_away = True
        again = http.post("/hooks/ses", content=amazon.subscribe())
        assert (again.status_code, again.headers["retry-after"]) == (503, "30")
        amazon.is_away = False
        assert http.post("/hooks/ses", content=amazon.subscribe()).status_code == 200
    assert sum("ConfirmSubscription" in url for url in amazon.asked) == 2


def sendgrid(tmp_path: Path, **settings: Any) -> EdgeProcess:
    return EdgeProcess(tmp_path, sendgrid_public_key=TWILIO.public_key, **{"journal_seconds": 0.2, **settings})


def post(edge: EdgeProcess, events: list[Any], headers: dict[str, str] | None = None) -> httpx.Response:
    body = json.dumps(events).encode()
    url = f"http://127.0.0.1:{edge.port}/hooks/sendgrid"
    return httpx.post(url, content=body, headers=TWILIO.headers(body) if headers is None else headers, timeout=20)


def test_what_is_acknowledged_survives_a_kill_while_the_database_is_away(
    conn: psycopg.Connection, warehouse_dsn: str, tmp_path: Path
) -> None:
    filled = handed_over(conn, 40)
    acknowledged: list[int] = []
    with sendgrid(tmp_path) as edge:
        for n, message_id in enumerate(filled.message_ids):
            if post(
                edge, [event(message_id, "bounce", type="bounce", status="5.1.1"), event(UNKNOWN, "delivered")]
            ).is_success:
                acknowledged.append(n)
            if n % 10 == 9:
                edge.kill()
                edge.start()
        assert post(edge, [], {}).status_code == 403
    assert len(acknowledged) == 40
    tally = take(warehouse_dsn, edge.folder / "reports")
    assert (dict(tally.recorded), tally.unknown, tally.suppressed) == ({"bounce_hard": 40}, 40, 40)
    assert set(kinds(conn).values()) == {1}
    assert "example.com" not in edge.log.read_text()


def test_complaints_and_late_bounces_of_sendgrid_find_their_message(
    conn: psycopg.Connection, warehouse_dsn: str, tmp_path: Path
) -> None:
    filled = handed_over(conn, 5)
    token = {PROVIDER_ARGUMENT: bounce_token(RING, filled.send_ids[0])}
    conn.execute(  # the same people were written to before, and long ago
        "UPDATE activation.sends SET sending_at = %s WHERE send_id = any(%s)",
        [NOW - dt.timedelta(days=20), filled.send_ids[3:]],
    )
    conn.commit()
    for n in range(5):
        conn.execute(
            "UPDATE core.contact_points SET address_hash = %s WHERE contact_point_id = %s",
            [RING.keyed_hash(filled.addresses[n]), filled.contact_ids[n]],
        )
    conn.commit()
    at = int(NOW.timestamp())
    with sendgrid(tmp_path) as edge:
        told = [
            event(UNKNOWN, "spamreport", timestamp=at, **token), late_bounce(filled.addresses[1].upper(), timestamp=at),
            late_bounce(filled.addresses[3], timestamp=at), late_bounce("nobody@example.net", timestamp=at),
            late_bounce(filled.addresses[2], timestamp=at, status="5.7.1"), event(UNKNOWN, "spamreport", timestamp=at),
            event("of-others@example.com", "bounce", type="bounce", timestamp=at),
        ]  # fmt: skip
        for _ in range(2):
            assert post(edge, told).status_code == 200
    tally = take(warehouse_dsn, edge.folder / "reports")
    assert (dict(tally.recorded), tally.repeated) == ({"complaint": 1, "bounce_hard": 1}, 2)
    assert (tally.unknown, tally.about_us, tally.unnamed) == (4, 2, 4)
    assert kinds(conn) == {(filled.send_ids[0], "complaint"): 1, (filled.send_ids[1], "bounce_hard"): 1}
    assert shut_out(conn) == {filled.contact_ids[0]: "complaint", filled.contact_ids[1]: "hard_bounce"}


def test_a_batch_of_hundreds_and_the_limits(conn: psycopg.Connection, warehouse_dsn: str, tmp_path: Path) -> None:
    filled = handed_over(conn, 1_300)
    with sendgrid(tmp_path) as edge:
        before = edge.memory
        batch = [event(message_id, "delivered") for message_id in filled.message_ids]
        assert post(edge, batch).status_code == 200
        assert post(edge, [event(UNKNOWN, "delivered", padding="x" * 3_000_000)]).status_code == 413
        for _ in range(20):
            body = json.dumps([event(UNKNOWN, "delivered", padding="x" * 1_900_000)]).encode()
            httpx.post(f"http://127.0.0.1:{edge.port}/hooks/sendgrid", content=body, timeout=20)  # nobody's
        assert edge.memory - before < 60 << 20
        with edge.connect() as slow:
            slow.sendall(b"POST /hooks/sendgrid HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc")
            assert b" 408 " in everything(slow)
    assert dict(take(warehouse_dsn, edge.folder / "reports").recorded) == {"delivered": 1_300}


def test_a_full_disk_lets_sendgrid_try_again(tmp_path: Path) -> None:
    with sendgrid(tmp_path, collector_reserve_mib=10**9) as edge:
        answer = post(edge, [event(UNKNOWN, "delivered")])
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "30")
        assert post(edge, []).status_code == 200  # there is nothing to store
        told = httpx.get(f"http://127.0.0.1:{edge.port}/health").json()["reports"]
        assert told == "cannot write: less room on the disk than is kept free"


def test_there_is_no_hook_of_what_is_not_configured(tmp_path: Path) -> None:
    with EdgeProcess(tmp_path) as edge:
        for name in ("ses", "sendgrid"):
            assert httpx.post(f"http://127.0.0.1:{edge.port}/hooks/{name}").status_code == 404
        assert not (edge.folder / "reports").exists()


def test_what_is_no_report_is_counted(conn: psycopg.Connection, warehouse_dsn: str, tmp_path: Path) -> None:
    filled = handed_over(conn, 1)
    fact = {"outcome": "bounced", "at": "2026-11-22T08:00:00+00:00", "send_id": filled.send_ids[0]}
    odd: list[Any] = [
        7, None, {}, {**fact, "outcome": "exploded"}, {**fact, "at": "x"}, {**fact, "at": "2026-11-22T08:00:00"},
        {**fact, "send_id": -1}, {**fact, "send_id": 2**70}, {**fact, "send_id": None}, {**fact, "send_id": None, "message_id": "x"},
    ]  # fmt: skip
    records = [{"source": "ses", "reports": [*odd, fact]}, {"source": "A b", "reports": [fact]}, {"reports": 5}, {}]
    journal = EventLog(tmp_path / "reports", RING, HandClock(), reserve_bytes=0)

    async def write() -> None:
        for n, record in enumerate(records):
            await journal.append(json.dumps({"event_id": f"{n}", **record}).encode())

    journal.start()
    asyncio.run(write())
    journal.close()
    tally = take(warehouse_dsn, tmp_path / "reports")
    assert (dict(tally.recorded), tally.odd) == ({"bounce_hard": 1}, len(odd) + 1)
