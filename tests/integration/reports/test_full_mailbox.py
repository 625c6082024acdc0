"""A mailbox with 100,000 bounces on a real mail server (Dovecot), whose reader is killed on its way."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg
import pytest

from bounce_mails import BOUNCES, dsn, fill_in
from conftest import ROOT
from imap_server import Mailboxes
from ledger_fixture import KEYS, KEYS_JSON, HandClock
from marketflow.campaigns.delivery.verp import envelope_sender
from marketflow.campaigns.reports import read_mailbox
from marketflow.campaigns.reports.proof import Finder
from marketflow.warehouse import connect
from needed_programs import require
from reports import handed_over, kinds, shut_out

pytestmark = pytest.mark.slow
COUNT, AT_A_TIME = 100_000, 10_000
COUNTED = "marketflow-counted"


@pytest.fixture
def box(monkeypatch: pytest.MonkeyPatch) -> Iterator[Mailboxes]:
    """Empty."""
    require("dovecot-imapd", "dovecot")
    monkeypatch.syspath_prepend(str(ROOT))
    from benchmarks._dovecot import PASSWORD, USER, mail_server

    with mail_server() as port:
        yield Mailboxes(port, USER, PASSWORD)


def killed_on_its_way(dsn: str, box: Mailboxes, *, counted: int) -> None:
    """A reader in a process of its own, until it has moved so many mails aside; then it is killed."""
    script = Path(__file__).with_name("reader_main.py")
    env = {
        **os.environ, "PYTHONPATH": str(ROOT / "tests"), "TEST_DSN": dsn, "TEST_KEYS": KEYS_JSON,
        "TEST_USER": box.user, "TEST_PASSWORD": box.password,
    }  # fmt: skip
    process = subprocess.Popen([sys.executable, str(script), str(box.port)], env=env)
    deadline = time.monotonic() + 300
    try:
        while box.count(COUNTED) < counted:
            assert process.poll() is None, "the reader ended before it could be killed"
            assert time.monotonic() < deadline, f"{box.count(COUNTED)} mails moved aside"
    finally:
        process.kill()
        process.wait()


def test_each_counts_once_and_none_stays_though_the_reader_is_killed(
    conn: psycopg.Connection, warehouse_dsn: str, box: Mailboxes
) -> None:
    filled = handed_over(conn, COUNT)
    for start in range(0, COUNT, AT_A_TIME):
        some = range(start, start + AT_A_TIME)
        box.append([bounce(filled.send_ids[n], filled.addresses[n], filled.message_ids[n]) for n in some])
    killed_on_its_way(warehouse_dsn, box, counted=COUNT // 4)
    seen = sum(kinds(conn).values())
    assert COUNT // 4 <= seen < COUNT
    with connect(warehouse_dsn, "sender") as sender:
        before = psutil.Process().memory_info().rss
        summary = read_mailbox(sender, box.target(), Finder(KEYS, BOUNCES), HandClock())
        grown = psutil.Process().memory_info().rss - before
    assert summary.tally.recorded["bounce_hard"] == COUNT - seen  # the others are repeated, or moved already
    assert set(kinds(conn).values()) == {1}
    assert set(kinds(conn)) == {(send_id, "bounce_hard") for send_id in filled.send_ids}
    assert shut_out(conn) == dict.fromkeys(filled.contact_ids, "hard_bounce")
    assert (box.count(), box.count(COUNTED), summary.stuck) == (0, COUNT, 0)
    assert grown < 64 << 20, "all mails were in memory"  # they have about 150 MB


def bounce(send_id: int, address: str, message_id: str) -> bytes:
    """With the letter that came back."""
    text = dsn() + "A line of the letter that came back, of some length.\n" * 20
    verp = envelope_sender(KEYS, BOUNCES, send_id)
    return fill_in(text, verp=verp, recipient=address, message_id=message_id, link="https://edge.test/u/none")
