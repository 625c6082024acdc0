"""Mail servers that misbehave: the reason is stored, the neighbours get theirs, nobody gets two."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterator
from email.parser import BytesParser
from email.policy import SMTP
from pathlib import Path
from typing import Any

import psycopg
import pytest

from ledger_fixture import DEFINITION, KEYS, HandClock, fill, options, row, states
from marketflow.campaigns.delivery import DeliverySummary, SmtpChannel, SmtpTarget, deliver, unknown_sends
from marketflow.warehouse import connect
from smtp_server import SmtpServer

SENDER = "Test Shop <shop@example.com>"


@pytest.fixture(params=[True, False], ids=["pipelining", "step_by_step"])
def server(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[SmtpServer]:
    with SmtpServer(tmp_path / "accepted.jsonl", pipelining=request.param) as running:
        yield running


def run(dsn: str, server: SmtpServer, clock: HandClock, timeout: float = 5.0, **changes: Any) -> DeliverySummary:
    target = SmtpTarget(host="127.0.0.1", port=server.port)
    channel = SmtpChannel(target, sender=SENDER, timeout=timeout, end_timeout=timeout)
    return deliver(lambda: connect(dsn), channel, keys=KEYS, clock=clock, options=options(**changes))


def test_all_is_sent_once(conn: psycopg.Connection, warehouse_dsn: str, server: SmtpServer) -> None:
    filled, clock = fill(conn, 30), HandClock()
    summary = run(warehouse_dsn, server, clock)
    assert (summary.claimed, summary.sent, summary.reasons) == (30, 30, {})
    assert [a.message_id for a in server.accepted] == filled.message_ids
    assert server.recipients == filled.addresses
    assert server.handler.connections == 1
    assert run(warehouse_dsn, server, clock).claimed == 0
    assert len(server.accepted) == 30
    assert row(conn, filled.send_ids[0])["attempts"] == 1


def test_what_arrives_is_what_was_written(conn: psycopg.Connection, warehouse_dsn: str, server: SmtpServer) -> None:
    text = ".\n..\n.hidden\nQUIT\n谢谢 🎉 مرحبا\n" + "plain words\n" * 10
    templates = {"subject": "谢谢 🎉 {{ given_name }}", "text": text, "html": f"<p>{text}</p>"}
    filled = fill(conn, 2, names=["李\r\nBcc: eve@evil.test", "Zoë"], definition={**DEFINITION, "templates": templates})
    assert run(warehouse_dsn, server, HandClock(), track_opens=False).sent == 2
    for body, address in zip(server.handler.bodies, filled.addresses, strict=True):
        found = BytesParser(policy=SMTP).parsebytes(body)
        parts = {part.get_content_type(): part.get_content() for part in found.iter_parts()}
        assert parts["text/plain"].replace("\r\n", "\n") == text
        assert parts["text/html"].replace("\r\n", "\n") == f"<p>{text}</p>\n"
        assert str(found["Subject"]).startswith("谢谢 🎉 ")
        assert [a.addr_spec for a in found["To"].addresses] == [address]
        assert found["Bcc"] is None
    assert str(found["Subject"]) == "谢谢 🎉 Zoë"


def test_a_server_that_is_down_costs_nobody_anything(
    conn: psycopg.Connection, warehouse_dsn: str, server: SmtpServer
) -> None:
    filled, clock = fill(conn, 30), HandClock()
    server.stop()
    summary = run(warehouse_dsn, server, clock)
    assert summary.stopped == "connect_failed"
    assert states(conn) == {("deferred", "connect_failed"): 30}
    assert row(conn, filled.send_ids[0])["attempts"] == 0
    server.start()
    assert run(warehouse_dsn, server, clock).claimed == 0  # not before its time
    clock.pass_time(minutes=2)
    assert run(warehouse_dsn, server, clock).sent == 30
    assert Counter(server.recipients) == dict.fromkeys(filled.addresses, 1)


@pytest.mark.parametrize(
    ("kind", "reply", "state", "reason"),
    [
        ("rcpt", "550 no such user", "failed", "smtp_550"),
        ("rcpt", "451 greylisted, try later", "deferred", "smtp_451"),
        ("data", "554 it smells of spam", "failed", "smtp_554"),
        ("data", "452 out of disk", "deferred", "smtp_452"),
    ],
)
def test_one_refused_recipient_does_not_stop_the_others(
    conn: psycopg.Connection, warehouse_dsn: str, server: SmtpServer, *, kind: str, reply: str, state: str, reason: str
) -> None:
    filled, clock = fill(conn, 20), HandClock()
    server.rules[kind] = {filled.addresses[3].partition("@")[0]: reply}
    summary = run(warehouse_dsn, server, clock)
    assert (summary.sent, getattr(summary, state), summary.reasons) == (19, 1, {reason: 1})
    refused = row(conn, filled.send_ids[3])
    assert (refused["state"], refused["reason"], refused["attempts"]) == (state, reason, 1)
    assert server.handler.connections == 1
    server.rules.clear()
    clock.pass_time(hours=2)
    run(warehouse_dsn, server, clock)
    expected = filled.addresses if state == "deferred" else filled.addresses[:3] + filled.addresses[4:]
    assert Counter(server.recipients) == dict.fromkeys(expected, 1)


@pytest.mark.parametrize("kind", ["rcpt", "data", "mail"])
def test_a_server_that_asks_for_patience_gets_it(
    conn: psycopg.Connection, warehouse_dsn: str, server: SmtpServer, kind: str
) -> None:
    filled, clock = fill(conn, 30), HandClock()
    server.rules[kind] = {"*": "421 too busy"}
    summary = run(warehouse_dsn, server, clock)
    assert (summary.sent, summary.deferred, summary.stopped) == (0, 30, "smtp_421")
    assert states(conn) == {("deferred", "smtp_421"): 30}
    assert sum(row(conn, i)["attempts"] for i in filled.send_ids) == 1  # the others are not blamed
    server.rules.clear()
    clock.pass_time(minutes=2)
    assert run(warehouse_dsn, server, clock).sent == 30
    assert Counter(server.recipients) == dict.fromkeys(filled.addresses, 1)


def test_a_sender_that_is_not_allowed_gives_nobody_up(
    conn: psycopg.Connection, warehouse_dsn: str, server: SmtpServer
) -> None:
    fill(conn, 10)
    server.rules["mail"] = {"*": "553 sender not allowed"}
    assert run(warehouse_dsn, server, HandClock()).stopped == "smtp_553"
    assert states(conn) == {("deferred", "smtp_553"): 10}


def test_a_server_that_hangs_before_the_message_may_be_tried_again(
    conn: psycopg.Connection, warehouse_dsn: str, server: SmtpServer
) -> None:
    filled, clock = fill(conn, 20), HandClock()
    name = filled.addresses[5].partition("@")[0]
    server.rules["data"] = {name: "hang_before"}
    summary = run(warehouse_dsn, server, clock, timeout=1.0)
    assert (summary.sent, summary.deferred, summary.reasons) == (19, 1, {"timeout": 1})
    server.rules.clear()
    clock.pass_time(minutes=2)
    assert run(warehouse_dsn, server, clock).sent == 1
    assert Counter(server.recipients) == dict.fromkeys(filled.addresses, 1)


@pytest.mark.parametrize(("rule", "has_it"), [("hang", False), ("drop", True), ("forget", False)])
def test_no_answer_after_the_message_is_unknown_and_never_sent_again(
    conn: psycopg.Connection, warehouse_dsn: str, server: SmtpServer, rule: str, has_it: bool
) -> None:
    filled, clock = fill(conn, 20), HandClock()
    server.rules["data"] = {filled.addresses[5].partition("@")[0]: rule}
    summary = run(warehouse_dsn, server, clock, timeout=1.0)
    assert (summary.sent, summary.unknown, summary.reasons) == (19, 1, {"no_reply": 1})
    server.rules.clear()
    clock.pass_time(hours=5)
    assert run(warehouse_dsn, server, clock).claimed == 0
    expected = filled.addresses if has_it else filled.addresses[:5] + filled.addresses[6:]
    assert Counter(server.recipients) == dict.fromkeys(expected, 1)
    listed = unknown_sends(conn)
    assert [(u.message_id, u.reason, u.campaign) for u in listed] == [(filled.message_ids[5], "no_reply", "thank_you")]
    assert unknown_sends(conn, since=clock.now()) == []


def test_a_server_that_drops_everything_is_left_alone_after_three(
    conn: psycopg.Connection, warehouse_dsn: str, server: SmtpServer
) -> None:
    fill(conn, 20)
    server.rules["data"] = {"*": "forget"}
    summary = run(warehouse_dsn, server, HandClock())
    assert (summary.unknown, summary.deferred, summary.stopped) == (3, 17, "no_reply")


def test_a_server_that_restarts_between_two_windows_loses_nobody(
    conn: psycopg.Connection, warehouse_dsn: str, server: SmtpServer
) -> None:
    filled, clock = fill(conn, 6), HandClock()
    target = SmtpTarget(host="127.0.0.1", port=server.port)
    with SmtpChannel(target, sender=SENDER, timeout=5) as channel:
        kept_open = _Kept(channel)
        first = deliver(
            lambda: connect(warehouse_dsn), kept_open, keys=KEYS, clock=clock, options=options(max_messages=3)
        )
        server.stop()
        server.start()
        second = deliver(lambda: connect(warehouse_dsn), kept_open, keys=KEYS, clock=clock, options=options())
    assert (first.sent, second.sent) == (3, 3)
    assert server.recipients == filled.addresses
    assert server.handler.connections == 2


class _Kept(SmtpChannel):
    """A channel whose connection outlives the run, as an idle one would between two windows."""

    def __init__(self, inner: SmtpChannel) -> None:
        self.send = inner.send  # type: ignore[method-assign]

    def __exit__(self, *_: object) -> None:
        pass


@pytest.mark.parametrize("answer", ["garbage without a code", "354 go on"])
def test_an_odd_final_answer_is_unknown(
    conn: psycopg.Connection, warehouse_dsn: str, server: SmtpServer, answer: str
) -> None:
    fill(conn, 3)
    server.rules["data"] = {"*": answer}
    assert run(warehouse_dsn, server, HandClock()).reasons == {"odd_reply": 3}
    assert states(conn) == {("unknown", "odd_reply"): 3}


def test_an_address_that_no_server_takes_fails_alone(
    conn: psycopg.Connection, warehouse_dsn: str, server: SmtpServer
) -> None:
    filled = fill(conn, 5)
    bad = {"ä@example.com": "address_not_ascii", "a@b.test\r\nRCPT TO:<x@y.test>": "address_malformed"}
    for contact, address in zip(filled.contact_ids, bad, strict=False):
        sealed = KEYS.encrypt(address, "email")
        conn.execute("UPDATE core.contact_points SET address = %s WHERE contact_point_id = %s", [sealed, contact])
    conn.commit()
    assert run(warehouse_dsn, server, HandClock()).reasons == dict.fromkeys(bad.values(), 1)
    assert server.recipients == filled.addresses[2:]


def test_backoff_ends_at_the_expiry(conn: psycopg.Connection, warehouse_dsn: str, server: SmtpServer) -> None:
    filled, clock = fill(conn, 1, lifetime=dt.timedelta(hours=6)), HandClock()
    server.rules["rcpt"] = {"*": "451 later"}
    tries = 0
    while row(conn, filled.send_ids[0])["state"] != "expired":
        tries += run(warehouse_dsn, server, clock).claimed
        clock.pass_time(minutes=5)
    assert 7 <= tries <= 20
    ended = row(conn, filled.send_ids[0])
    assert (ended["reason"], ended["attempts"]) == ("smtp_451", tries)
    assert server.accepted == []
