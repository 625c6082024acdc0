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
_MOST = 1_000
"""Events of one message that are looked at within a minute of another: the edge service records no more."""
_STATEMENTS = ("judge_alone", "judge_links", "judge_networks")


def judge(conn: psycopg.Connection, event_ids: list[UUID]) -> Counter[str]:
    """Judge these new events, and earlier ones that they throw a light on; counts by verdict.

    Keys: `proxies` and `scanners`. In the caller's transaction; judging again changes nothing. What is not within some
    minutes of a new event is not looked at, so that it takes as long however many events there have been.
    """
    params = {
        "event_ids": event_ids,
        "proxies": list(PROXIES),
        "click_seconds": CLICK_SECONDS,
        "open_seconds": OPEN_SECONDS,
        "moment_seconds": MOMENT_SECONDS,
        "moment_links": MOMENT_LINKS,
        "minute_messages": MINUTE_MESSAGES,
        "most": _MOST,
    }
    judged: dict[UUID, str] = {}
    for name in _STATEMENTS:
        judged.update(conn.execute(queries("tracking")[name], params).fetchall())
    beside = {**params, "judged_ids": [*event_ids, *judged]}
    judged.update(conn.execute(queries("tracking")["judge_neighbours"], beside).fetchall())
    return Counter("proxies" if verdict == "proxy" else "scanners" for verdict in judged.values())
