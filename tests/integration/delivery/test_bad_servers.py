"""What a mail server can do wrong before it says a word, and to all at once; the rest is in test_smtp.py."""

from __future__ import annotations

import socket
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from ledger_fixture import KEYS, HandClock, fill, options, row, states
from marketflow.campaigns.delivery import DeliverySummary, SmtpChannel, SmtpTarget, deliver
from marketflow.privacy import normalise_email
from marketflow.warehouse import connect
from smtp_server import SmtpServer


@contextmanager
def greets_with(words: bytes | None) -> Iterator[tuple[int, list[socket.socket]]]:
    """A port where somebody answers, says `words` (nothing, if None) and no more; the connections it has had."""
    met: list[socket.socket] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            while True:
                try:
                    met.append(listener.accept()[0])
                except OSError:
                    return  # the test is over
                if words is not None:
                    met[-1].sendall(words)

        threading.Thread(target=serve, daemon=True).start()
        try:
            yield listener.getsockname()[1], met
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            for one in met:
                one.close()


def run(dsn: str, port: int, clock: HandClock, timeout: float = 5.0) -> DeliverySummary:
    channel = SmtpChannel(SmtpTarget(host="127.0.0.1", port=port), sender="Shop <shop@example.com>", timeout=timeout)
    return deliver(lambda: connect(dsn), channel, keys=KEYS, clock=clock, options=options())


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        pytest.param(None, "connect_failed", id="silent"),
        pytest.param(b"421 4.3.2 too many connections\r\n", "smtp_421", id="busy"),
        pytest.param(b"554 5.7.1 go away\r\n", "smtp_554", id="unfriendly"),
        pytest.param(b"HTTP/1.1 400 Bad Request\r\n\r\n", "odd_reply", id="no mail server"),
    ],
)
def test_a_server_that_does_not_let_us_in_costs_nobody_anything(
    conn: psycopg.Connection, warehouse_dsn: str, tmp_path: Path, words: bytes | None, reason: str
) -> None:
    """One connection is tried and not one a message: a storm of refusals is not answered with a storm."""
    filled, clock = fill(conn, 30), HandClock()
    with greets_with(words) as (port, met):
        summary = run(warehouse_dsn, port, clock, timeout=0.5)
        assert len(met) == 1
    assert (summary.stopped, summary.deferred) == (reason, 30)
    assert states(conn) == {("deferred", reason): 30}
    assert {row(conn, i)["attempts"] for i in filled.send_ids} == {0}
    clock.pass_time(minutes=2)
    with SmtpServer(tmp_path / "taken.jsonl") as server:
        assert run(warehouse_dsn, server.port, clock).sent == 30
        assert Counter(server.recipients) == dict.fromkeys(filled.addresses, 1)


def test_a_storm_of_421_is_met_with_patience_by_all_senders(
    conn: psycopg.Connection, warehouse_dsn: str, tmp_path: Path
) -> None:
    """Run after run, each asks once and leaves the server alone; the mails wait for it, and none is given up."""
    filled, clock = fill(conn, 40), HandClock()
    with SmtpServer(tmp_path / "taken.jsonl") as server:
        server.rules["mail"] = {"*": "421 4.7.0 try again later"}
        for _ in range(10):
            run(warehouse_dsn, server.port, clock)
            assert run(warehouse_dsn, server.port, clock).claimed == 0  # another sender at the same time
            clock.pass_time(minutes=61)
        assert server.handler.connections == 10
        assert states(conn) == {("deferred", "smtp_421"): 40}
        server.rules.clear()
        assert run(warehouse_dsn, server.port, clock).sent == 40
        assert Counter(server.recipients) == dict.fromkeys(filled.addresses, 1)


def test_an_international_domain_is_written_to_in_its_ascii_form(
    conn: psycopg.Connection, warehouse_dsn: str, tmp_path: Path
) -> None:
    filled = fill(conn, 2)
    for contact, address in zip(filled.contact_ids, ("Käthe@bücher.example", "kaethe@BÜCHER.example"), strict=True):
        try:
            known = normalise_email(address)
        except ValueError:
            known = address
        sealed = KEYS.encrypt(known, "email")
        conn.execute("UPDATE core.contact_points SET address = %s WHERE contact_point_id = %s", [sealed, contact])
    conn.commit()
    with SmtpServer(tmp_path / "taken.jsonl") as server:
        summary = run(warehouse_dsn, server.port, HandClock())
        assert server.recipients == ["kaethe@xn--bcher-kva.example"]
    # a local part that is not ASCII would need RFC 6531, which few servers know
    assert summary.reasons == {"address_not_ascii": 1}


def test_offices_get_the_mail_about_their_order_and_no_marketing(
    conn: psycopg.Connection, warehouse_dsn: str, tmp_path: Path
) -> None:
    """Who writes advertisements to postmaster@ or abuse@ is on a block list tomorrow."""
    addresses = ["postmaster@example.com", "noreply@example.com", "info@example.com"]
    for purpose in ("marketing", "transactional"):
        filled = fill(conn, 3, purpose=purpose)
        for contact, address in zip(filled.contact_ids, addresses, strict=True):
            sealed = KEYS.encrypt(address, "email")
            conn.execute("UPDATE core.contact_points SET address = %s WHERE contact_point_id = %s", [sealed, contact])
    conn.commit()
    with SmtpServer(tmp_path / "taken.jsonl") as server:
        summary = run(warehouse_dsn, server.port, HandClock())
        assert sorted(server.recipients) == sorted([*addresses, "info@example.com"])
    assert (summary.sent, summary.failed, summary.reasons) == (4, 2, {"role_account": 2})
    refused = conn.execute(
        "SELECT DISTINCT purpose, state, reason FROM activation.sends WHERE state <> 'sent'"
    ).fetchall()
    assert refused == [("marketing", "failed", "role_account")]
