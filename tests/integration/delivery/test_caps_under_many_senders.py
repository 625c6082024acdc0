"""Campaigns that compete for the same people under a cap, with many senders at once: nobody gets more than the cap."""

from __future__ import annotations

import datetime as dt
import threading
from collections import Counter
from functools import partial

import psycopg
import pytest

from fire.stage import until
from ledger_fixture import NOW, Connect, fill, mail, run
from marketflow.campaigns.definition.contact_policy import ContactPolicy
from marketflow.campaigns.delivery.ledger import Ledger
from marketflow.warehouse import connect

PEOPLE, CAMPAIGNS, SENDERS = 120, 4, 6
# Another campaign's message to each person of the first, and all of them known by their customer's number.
RIVAL = """
INSERT INTO activation.sends (
    campaign, occasion, contact_point_id, channel, plan_id, purpose, state, priority, send_after, expires_at, content,
    definition_version, message_id, planned_at, released_at
)
SELECT
    %(campaign)s, s.occasion, s.contact_point_id, s.channel, s.plan_id, s.purpose, s.state, s.priority, s.send_after,
    s.expires_at, s.content, s.definition_version, %(campaign)s || '.' || s.message_id, s.planned_at, s.released_at
FROM activation.sends AS s
WHERE s.campaign = 'thank_you'
"""
KNOWN = """
UPDATE activation.sends AS s SET customer_id = p.customer_id
FROM core.contact_points AS p WHERE s.contact_point_id = p.contact_point_id
"""


@pytest.mark.parametrize("most", [1, 3])
def test_campaigns_at_once_cannot_break_a_cap(conn: psycopg.Connection, warehouse_dsn: str, most: int) -> None:
    filled = fill(conn, PEOPLE)
    for number in range(1, CAMPAIGNS):
        conn.execute(RIVAL, {"campaign": f"rival_{number}"})
    conn.execute(KNOWN)
    conn.commit()
    policy = ContactPolicy.model_validate({"frequency_caps": [{"messages": most, "days": 7}]})
    opening: Connect = partial(connect, warehouse_dsn)
    channels, start, errors = [mail() for _ in range(SENDERS)], threading.Barrier(SENDERS), list[BaseException]()

    def one(place: int) -> None:
        try:
            start.wait()
            run(opening, channels[place], policy=policy, batch=11, window=5)
        except BaseException as error:  # noqa: BLE001  (told below)
            errors.append(error)

    threads = [threading.Thread(target=one, args=[place]) for place in range(SENDERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert errors == []
    got = Counter(m.address for channel in channels for m in channel.messages)
    assert got == dict.fromkeys(filled.addresses, most)
    assert sum(bool(channel.messages) for channel in channels) > 1, "only one has worked: nothing was shown"
    rows = conn.execute("SELECT state, reason, count(*) FROM activation.sends GROUP BY 1, 2 ORDER BY 1").fetchall()
    assert rows == [
        ("sent", None, PEOPLE * most),
        ("skipped", "frequency_cap", PEOPLE * (CAMPAIGNS - most)),  # seven days later they would be too old
    ]


def test_two_senders_do_not_count_the_same_person_at_once(conn: psycopg.Connection, warehouse_dsn: str) -> None:
    """The first has begun a message and not yet committed: the second waits for it, and then counts it."""
    fill(conn, 1)
    conn.execute(RIVAL, {"campaign": "rival_1"})
    conn.execute(KNOWN)
    conn.commit()
    policy = ContactPolicy.model_validate({"frequency_caps": [{"messages": 1, "days": 7}]})
    begun: list[dict[int, str]] = []
    with psycopg.connect(warehouse_dsn) as one, psycopg.connect(warehouse_dsn) as two:
        first, second = (Ledger.over(c, "email", dt.timedelta(minutes=2), policy) for c in (one, two))
        claims = [ledger.claim(1, NOW) for ledger in (first, second)]
        waiting = threading.Thread(target=lambda: begun.append(second.begin(claims[1], claims[1].send_ids, NOW)))
        with one.transaction():
            assert list(first.begin(claims[0], claims[0].send_ids, NOW).values()) == ["sending"]
            waiting.start()
            until(lambda: not waiting.is_alive() or _is_waiting(conn, two.info.backend_pid), "the second to wait")
        waiting.join(30)
    assert [list(states.values()) for states in begun] == [["skipped"]]


def _is_waiting(conn: psycopg.Connection, pid: int) -> bool:
    found = conn.execute("SELECT wait_event_type = 'Lock' FROM pg_stat_activity WHERE pid = %s", [pid]).fetchone()
    conn.rollback()
    return found == (True,)
