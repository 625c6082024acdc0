"""A mail to write and one to read, for tests of what is written."""

from __future__ import annotations

import datetime as dt
import email.policy
from email.message import EmailMessage
from email.parser import BytesParser
from typing import Any

from marketflow.campaigns.delivery import OutgoingMessage

SENDER = "Test Shop <shop@example.com>"
HOSTILE = [
    "Ada\r\nBcc: eve@evil.test", "李小龙", "🎉🦄" * 20, "مرحبا بالعالم", "O'Brien, \"Bob\" <x@y>", "a" * 300, "=?utf-8?q?evil?=",
    "\u202eevil\u2028Bcc: x", "Zoë" * 60, "{{ 7*7 }} <script>", "\x00\x0b\x1f", "a,b;c:d(e)", "tab\there",
]  # fmt: skip


def message(**changes: Any) -> OutgoingMessage:
    return OutgoingMessage(**{
        "send_id": 1, "message_id": "abc123@example.com", "campaign": "thank_you", "occasion": "2026-11-21",
        "address": "ada@example.com", "name": "Ada", "subject": "Thank you", "text": "Hello\n", "html": "<p>Hello</p>",
        "unsubscribe_url": "https://edge.test/u/tok.en-_", "written_at": dt.datetime(2026, 11, 22, 9, tzinfo=dt.UTC),
        **changes,
    })  # fmt: skip


def parsed(data: bytes) -> EmailMessage:
    found = BytesParser(policy=email.policy.SMTP).parsebytes(data)
    assert isinstance(found, EmailMessage)
    for part in found.walk():
        assert part.defects == []
        for header in part.values():
            assert header.defects == ()
    return found
