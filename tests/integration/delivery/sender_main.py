"""A sender in a process of its own, to be killed: `sender_main.py SMTP_PORT`, the warehouse and keys in the environment."""

from __future__ import annotations

import datetime as dt
import os
import sys
from zoneinfo import ZoneInfo

from marketflow.campaigns.delivery import DeliveryOptions, SmtpChannel, SmtpTarget, deliver
from marketflow.privacy import KeyRing
from marketflow.shared import Clock
from marketflow.warehouse import connect

WINDOW, LEASE = 8, dt.timedelta(seconds=1.5)


def main() -> None:
    """Drain what is due, once."""
    dsn = os.environ["TEST_DSN"]
    deliver(
        lambda: connect(dsn),
        SmtpChannel(SmtpTarget(host="127.0.0.1", port=int(sys.argv[1])), sender="Shop <shop@example.com>", timeout=10),
        keys=KeyRing.from_json(os.environ["TEST_KEYS"]),
        clock=Clock(time_zone=ZoneInfo("UTC")),
        options=DeliveryOptions(edge_url="https://edge.test", brand="Test", batch=60, window=WINDOW, lease=LEASE),
    )


if __name__ == "__main__":
    main()
