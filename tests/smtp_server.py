"""An SMTP server for tests that keeps its own record: what it has accepted, by Message-ID, in a file that it syncs.

In this process (`with SmtpServer(folder) as server`) or in one of its own (`python tests/smtp_server.py PORT RECORD [SECONDS]`).
It can be told to misbehave towards a recipient, by the local part's name or for all (`*`):

- `rcpt`: the reply to RCPT, such as `550 no such user`;
- `data`: the reply to the end of the message; or `hang_before` (silent instead of 354), `hang` (silent after the end),
  `drop` (takes the message and hangs up without a word), `forget` (hangs up and has not taken it);
- `mail`: the reply to MAIL (only for `*`).
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import sys
import threading
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

MESSAGE_ID = re.compile(rb"^message-id: *<([^>]+)>", re.IGNORECASE | re.MULTILINE)


@dataclass(frozen=True, kw_only=True)
class Accepted:
    """One line of the record."""

    message_id: str
    recipient: str


class Record:
    """Append-only, synced before the server says yes."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("a", encoding="utf-8")
        self._lock = threading.Lock()

    def add(self, message_id: str, recipient: str) -> None:
        with self._lock:
            self._file.write(json.dumps([message_id, recipient]) + "\n")
            self._file.flush()
            os.fsync(self._file.fileno())


def read_record(path: Path) -> list[Accepted]:
    """What the server has accepted, in order; a message accepted twice stands twice."""
    if not path.exists():
        return []
    lines = path.read_text(encoding="utf-8").split("\n")[:-1]  # a last line without its end is still being written
    rows = [json.loads(line) for line in lines]
    return [Accepted(message_id=m, recipient=r) for m, r in rows]


class Handler:
    """aiosmtpd's hooks: does what the rules say, keeps what it takes."""

    def __init__(
        self, record: Record, rules: dict[str, dict[str, str]], seconds: float, *, pipelining: bool = True
    ) -> None:
        self.record, self.rules, self.seconds, self.pipelining = record, rules, seconds, pipelining
        self.bodies: list[bytes] = []
        self.senders: list[str | None] = []  # of the envelopes, one for each body
        self.connections = 0

    def rule(self, kind: str, recipient: str) -> str | None:
        known = self.rules.get(kind, {})
        return known.get(recipient.partition("@")[0]) or known.get("*")

    async def handle_EHLO(  # noqa: N802  (aiosmtpd's name)
        self, _server: SMTP, session: Session, _envelope: Envelope, hostname: str, responses: list[str]
    ) -> list[str]:
        self.connections += 1
        session.host_name = hostname
        return [*responses[:-1], "250-PIPELINING", *responses[-1:]] if self.pipelining else responses

    async def handle_MAIL(  # noqa: N802
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        if reply := self.rule("mail", "*"):
            return reply
        envelope.mail_from = address
        return "250 OK"

    async def handle_RCPT(  # noqa: N802
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        if reply := self.rule("rcpt", address):
            return reply
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        recipient = envelope.rcpt_tos[0]
        rule = self.rule("data", recipient)
        if self.seconds:
            await asyncio.sleep(self.seconds)
        if rule == "forget":
            server.transport.abort()
            return "250 never read"
        if rule == "hang":
            await asyncio.sleep(3600)
        if rule and rule != "drop":
            return rule
        content = bytes(envelope.original_content or envelope.content or b"")
        found = MESSAGE_ID.search(content)
        self.bodies.append(content)
        self.senders.append(envelope.mail_from)
        self.record.add(found[1].decode() if found else "", recipient)
        if rule == "drop":
            server.transport.abort()
        return "250 taken"


class BadManners(SMTP):
    """aiosmtpd's protocol, which may fall silent instead of asking for the message."""

    async def smtp_DATA(self, arg: str) -> None:  # noqa: N802
        handler: Handler = self.event_handler
        if self.envelope.rcpt_tos and handler.rule("data", self.envelope.rcpt_tos[0]) == "hang_before":
            await asyncio.sleep(3600)
        await super().smtp_DATA(arg)


class _Controller(Controller):
    def factory(self) -> SMTP:
        return BadManners(self.handler, **self.SMTP_kwargs)


def _free_port() -> int:
    from conftest import free_port  # not when this file runs on its own: it would make the tests' folders anew

    return free_port()


class SmtpServer:
    """A server in a thread of this process; stopping and starting it again keeps port and record."""

    def __init__(
        self, record: Path, *, port: int | None = None, seconds: float = 0.0, pipelining: bool = True, **extra: Any
    ) -> None:
        self.path = record
        self.port = port or _free_port()
        self.rules: dict[str, dict[str, str]] = {}
        self.handler = Handler(Record(record), self.rules, seconds, pipelining=pipelining)
        self._extra = extra  # aiosmtpd's own: TLS, authentication
        self._controller: Any = None

    def start(self) -> None:
        self._controller = _Controller(
            self.handler,
            hostname="127.0.0.1",
            port=self.port,
            enable_SMTPUTF8=False,
            server_hostname="test",
            **self._extra,
        )
        self._controller.start()

    def stop(self) -> None:
        if self._controller is not None:
            self._controller.stop(no_assert=True)
            self._controller = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def accepted(self) -> list[Accepted]:
        return read_record(self.path)

    @property
    def recipients(self) -> list[str]:
        return [a.recipient for a in self.accepted]


def main() -> None:
    """Run until killed."""
    port, record = int(sys.argv[1]), Path(sys.argv[2])
    with SmtpServer(record, port=port, seconds=float(sys.argv[3]) if len(sys.argv) > 3 else 0.0):
        threading.Event().wait()


if __name__ == "__main__":
    main()
