"""Who opened or clicked: a person, a mail service on behalf of one, or a program that tests mails.

Nothing is deleted: an event keeps its verdict and the reason as a code. Where thresholds are guesses they are on the
safe side of what people do; docs/analysts.md lists them. Two kinds of machines are not found: one that waits, says it
is a browser and comes from a network of its own for each message; and a person's own browser that fetches links ahead.
"""

from __future__ import annotations

from collections import Counter
from uuid import UUID

import psycopg

from marketflow.warehouse import queries

PROXIES = ("gmail_proxy", "yahoo_proxy", "apple_mail_proxy", "other_proxy")
"""Kinds of clients that fetch pictures for others."""
CLICK_SECONDS, OPEN_SECONDS = 5, 2
"""After a message was handed over, no person has it before her eyes sooner."""
MOMENT_SECONDS, MOMENT_LINKS = 2, 3
"""So many different links of a message within so many seconds are no person's clicks."""
MINUTE_MESSAGES = 10
"""Clicks in so many messages within a minute from one network (/24, /48) are a program's."""
_STATEMENTS = ("judge_alone", "judge_links", "judge_networks", "judge_neighbours")


def judge(conn: psycopg.Connection, event_ids: list[UUID], send_ids: list[int]) -> Counter[str]:
    """Judge these new events of these messages, and earlier ones that they throw a light on; counts by verdict.

    Keys: `proxies` and `scanners`. In the caller's transaction; judging again changes nothing.
    """
    params = {
        "event_ids": event_ids,
        "send_ids": send_ids,
        "proxies": list(PROXIES),
        "click_seconds": CLICK_SECONDS,
        "open_seconds": OPEN_SECONDS,
        "moment_seconds": MOMENT_SECONDS,
        "moment_links": MOMENT_LINKS,
        "minute_messages": MINUTE_MESSAGES,
    }
    found: Counter[str] = Counter()
    for name in _STATEMENTS:
        for (verdict,) in conn.execute(queries("tracking")[name], params).fetchall():
            found["proxies" if verdict == "proxy" else "scanners"] += 1
    return found
