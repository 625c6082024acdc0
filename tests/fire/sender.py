"""A sender in a process of its own, to be killed: `sender.py SMTP_PORT FOLDER`; warehouse and keys in the environment.

The folder holds the clock and the rules. It does what the task of `deliver_messages_email` does, once: drain what is due, across all campaigns, and end.
"""

from __future__ import annotations

import datetime as dt
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from zoneinfo import ZoneInfo

from fire.rules import limits_of, policy_of
from marketflow.campaigns.delivery import DeliveryOptions, SmtpChannel, SmtpTarget, deliver
from marketflow.privacy import KeyRing
from marketflow.shared import Clock
from marketflow.warehouse import connect

WINDOW, LEASE = 8, dt.timedelta(seconds=3)


@dataclass(frozen=True, kw_only=True)
class FileClock(Clock):
    """The machine's time and the seconds that stand in a file: one test can move the clocks of many processes."""

    path: Path

    def now(self) -> dt.datetime:
        return super().now() + dt.timedelta(seconds=float(self.path.read_text()))

    def move(self, seconds: float) -> None:
        """Forward or back; a reader sees the old file or the new one."""
        fresh = self.path.with_suffix(".new")
        fresh.write_text(str(float(self.path.read_text()) + seconds))
        fresh.rename(self.path)


def options(folder: Path) -> DeliveryOptions:
    """Small windows, and leases that a test can wait for."""
    return DeliveryOptions(
        edge_url="https://edge.test",
        brand="Test",
        batch=80,
        window=WINDOW,
        lease=LEASE,
        policy=policy_of(folder),
        rules=limits_of(folder),
    )


def main() -> None:
    """Drain what is due, once."""
    dsn, folder = os.environ["TEST_DSN"], Path(sys.argv[2])
    deliver(
        lambda: connect(dsn),
        SmtpChannel(SmtpTarget(host="127.0.0.1", port=int(sys.argv[1])), sender="Shop <shop@example.com>", timeout=10),
        keys=KeyRing.from_json(os.environ["TEST_KEYS"]),
        clock=FileClock(time_zone=ZoneInfo("UTC"), path=folder / "clock"),
        options=options(folder),
    )


if __name__ == "__main__":
    main()
