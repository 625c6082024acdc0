"""One run of `read_mailbox`, in a process that a test can kill: the port is its argument."""

from __future__ import annotations

import os
import sys

from bounce_mails import BOUNCES
from imap_server import Mailboxes
from ledger_fixture import HandClock
from marketflow.campaigns.reports import read_mailbox
from marketflow.campaigns.reports.proof import Finder
from marketflow.privacy import KeyRing
from marketflow.warehouse import connect

if __name__ == "__main__":
    box = Mailboxes(int(sys.argv[1]), os.environ["TEST_USER"], os.environ["TEST_PASSWORD"])
    keys = KeyRing.from_json(os.environ["TEST_KEYS"])
    with connect(os.environ["TEST_DSN"], "sender") as conn:
        read_mailbox(conn, box.target(), Finder(keys, BOUNCES), HandClock())
