"""A mailbox with a hundred thousand bounces: each is fetched, read, recorded in the ledger and moved aside.

The server is Dovecot. The baseline only fetches: imaplib, whole mails, a hundred at a time, from the same server.
"""

from __future__ import annotations

import datetime as dt
import imaplib
import os
import time
from collections.abc import Sequence
from zoneinfo import ZoneInfo

from benchmarks import Result
from benchmarks._dovecot import PASSWORD, USER, mail_server
from benchmarks._mails import KEYS_JSON, NOW, fill_ledger
from benchmarks._peak import peak_mib
from benchmarks._warehouse import fresh_warehouse
from marketflow.campaigns.delivery.verp import envelope_sender
from marketflow.campaigns.reports import MailboxTarget, read_mailbox
from marketflow.campaigns.reports.proof import Finder
from marketflow.privacy import KeyRing
from marketflow.shared import Clock
from marketflow.warehouse import connect

BOUNCES = int(os.environ.get("BENCH_BOUNCES", "100000"))
_ADDRESS = "bounces@example.com"
_HANDED_OVER = "UPDATE activation.sends SET state = 'sent', sending_at = %s, settled_at = %s"
_BOUNCE = """\
Return-Path: <>\r
Delivered-To: %(verp)s\r
From: MAILER-DAEMON@mx.example.net (Mail Delivery System)\r
To: %(verp)s\r
Subject: Undelivered Mail Returned to Sender\r
Date: Sun, 22 Nov 2026 08:30:00 +0000\r
Auto-Submitted: auto-replied\r
MIME-Version: 1.0\r
Content-Type: multipart/report; report-type=delivery-status; boundary="b/mx"\r
\r
--b/mx\r
Content-Type: text/plain; charset=utf-8\r
\r
I am sorry to have to inform you that your message could not be delivered.\r
\r
--b/mx\r
Content-Type: message/delivery-status\r
\r
Reporting-MTA: dns; mx.example.net\r
\r
Final-Recipient: rfc822; customer.%(number)d@mail.example.com\r
Action: failed\r
Status: 5.1.1\r
Diagnostic-Code: smtp; 550 5.1.1 user unknown\r
\r
--b/mx\r
Content-Type: message/rfc822\r
\r
Subject: Thank you\r
\r
""" + "A line of the mail that came back, of some length.\r\n" * 40 + "--b/mx--\r\n"  # fmt: skip


def run() -> Result:
    """Mails a second, beside those of a client that only fetches; and the reader's memory."""
    keys = KeyRing.from_json(KEYS_JSON)
    with fresh_warehouse() as bench, mail_server() as port:
        fill_ledger(bench.dsn, BOUNCES)
        with connect(bench.dsn) as conn:
            conn.execute(_HANDED_OVER, [NOW - dt.timedelta(hours=1)] * 2)
            send_ids = [row[0] for row in conn.execute("SELECT send_id FROM activation.sends ORDER BY send_id")]
        _fill(port, keys, send_ids)
        plain = _only_fetch(port)
        target = MailboxTarget(
            name="bench", host="127.0.0.1", port=port, username=USER, password=PASSWORD, security="plain"
        )
        first, _ = _read(bench.dsn, target, keys, most=max(BOUNCES // 10, 100))
        peak = peak_mib()
        rest, mails = _read(bench.dsn, target, keys, most=BOUNCES)
    assert mails == BOUNCES - max(BOUNCES // 10, 100), mails
    return Result(
        name="mailbox_100k", ours=BOUNCES / (first + rest), baseline=BOUNCES / plain, unit="mails/s",
        what=f"{BOUNCES:,} bounces read, recorded and moved aside; baseline: imaplib that fetches them",
        beside={"seconds": round(first + rest, 1), "peak after a tenth, MiB": round(peak, 1),
                "peak at the end, MiB": round(peak_mib(), 1)},
    )  # fmt: skip


def _read(dsn: str, target: MailboxTarget, keys: KeyRing, most: int) -> tuple[float, int]:
    clock = Clock(time_zone=ZoneInfo("UTC"), offset=NOW - dt.datetime.now(dt.UTC))
    with connect(dsn, "sender") as conn:
        began = time.perf_counter()
        summary = read_mailbox(conn, target, Finder(keys, _ADDRESS), clock, most=most)
        seconds = time.perf_counter() - began
    assert summary.tally.recorded["bounce_hard"] == summary.mails, summary
    return seconds, summary.mails


def _only_fetch(port: int) -> float:
    with imaplib.IMAP4("127.0.0.1", port) as client:
        client.login(USER, PASSWORD)
        client.select("INBOX", readonly=True)
        began = time.perf_counter()
        for start in range(1, BOUNCES + 1, 100):
            status, data = client.fetch(f"{start}:{min(start + 99, BOUNCES)}", "(UID BODY.PEEK[])")
            assert status == "OK"
            assert data[0]
        return time.perf_counter() - began


def _fill(port: int, keys: KeyRing, send_ids: Sequence[int]) -> None:
    """A bounce about each message, many in one command (RFC 3502)."""
    with imaplib.IMAP4("127.0.0.1", port) as client:
        client.login(USER, PASSWORD)
        for start in range(0, len(send_ids), 200):
            client.send(b"X1 APPEND INBOX")
            for send_id in send_ids[start : start + 200]:
                values = {"verp": envelope_sender(keys, _ADDRESS, send_id), "number": send_id}
                mail = (_BOUNCE % values).encode()
                client.send(b" () {%d+}\r\n%b" % (len(mail), mail))
            client.send(b"\r\n")
            while not (line := client.readline()).startswith(b"X1 "):
                assert line, "the server hung up"
            assert line.startswith(b"X1 OK"), line
