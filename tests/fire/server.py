"""A mail server that is unkind in a known way: what it does to a recipient stands in the recipient's name.

`gone-17@example.com` is refused for ever, `grey-4@...` twice, and so on (`TREATMENTS`). It runs in a process of its own
(`python tests/fire/server.py PORT RECORD`), to be killed; its record (`smtp_server.Record`) is synced before it says yes.
"""

from __future__ import annotations

import sys
import threading
from collections import Counter
from pathlib import Path
from typing import Any

from smtp_server import Handler, Record, SmtpServer

# treatment → (what it is a reply to, the reply, how often; None: for ever)
TREATMENTS: dict[str, tuple[str, str, int | None]] = {
    "gone": ("rcpt", "550 no such user", None),
    "spam": ("data", "554 it smells of spam", None),
    "never": ("rcpt", "451 not today", None),
    "grey": ("rcpt", "451 greylisted, try later", 2),
    "full": ("data", "452 out of disk", 1),
    "storm": ("rcpt", "421 too busy", 1),
    "drop": ("data", "drop", None),
    "forget": ("data", "forget", None),
}


def treatment(address: str) -> str:
    """`gone` of gone-17@example.com; `ok` for who gets all mails at once."""
    return address.partition("-")[0]


class Unkind(Handler):
    """Does to each recipient what its name says; counts the times in memory, so a restart makes it forget."""

    def __init__(self, record: Record, rules: dict[str, dict[str, str]], seconds: float) -> None:
        super().__init__(record, rules, seconds)
        self.asked: Counter[str] = Counter()

    def rule(self, kind: str, recipient: str) -> str | None:
        self.bodies.clear()  # 20,000 of them are not needed
        if kind == "rcpt":
            self.asked[recipient] += 1
        when, reply, times = TREATMENTS.get(treatment(recipient), ("", "", 0))
        return reply if when == kind and (times is None or self.asked[recipient] <= times) else None


class UnkindServer(SmtpServer):
    """The server around it."""

    def __init__(self, record: Path, *, port: int, **extra: Any) -> None:
        super().__init__(record, port=port, **extra)
        self.handler = Unkind(Record(record), self.rules, 0.0)


def main() -> None:
    """Run until killed."""
    with UnkindServer(Path(sys.argv[2]), port=int(sys.argv[1])):
        threading.Event().wait()


if __name__ == "__main__":
    main()
