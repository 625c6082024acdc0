"""What a claim takes, in which order, and what it costs beside a campaign that stands still."""

from __future__ import annotations

import datetime as dt
from typing import Any

import psycopg

from ledger_fixture import NOW, fill
from marketflow.campaigns import set_paused
from marketflow.campaigns.delivery.ledger import Ledger
from marketflow.shared import Clock
from marketflow.warehouse import queries

LEASE = dt.timedelta(minutes=5)


def claimed(conn: psycopg.Connection, most: int) -> list[int]:
    found = Ledger(conn=conn, channel="email", lease=LEASE).claim(most, NOW).send_ids
    conn.commit()
    return list(found)


def rows_touched(plan: dict[str, Any]) -> float:
    """Rows of the ledger that the plan's scans have brought up, those that a filter threw away included."""
    own = 0.0
    if plan.get("Relation Name") == "sends":
        own = plan["Actual Loops"] * (plan["Actual Rows"] + plan.get("Rows Removed by Filter", 0))
    return own + sum(rows_touched(below) for below in plan.get("Plans", []))


def test_campaigns_take_turns_by_priority_and_then_by_time(conn: psycopg.Connection) -> None:
    late = fill(conn, 3, campaign="welcome", now=NOW - dt.timedelta(hours=1))
    early = fill(conn, 3, campaign="win_back", now=NOW - dt.timedelta(hours=2))
    urgent = fill(conn, 2, campaign="birthday", priority=10)
    fill(conn, 4, campaign="later", now=NOW + dt.timedelta(hours=1))
    assert sorted(claimed(conn, 5)) == sorted([*urgent.send_ids, *early.send_ids])
    assert sorted(claimed(conn, 5)) == sorted(late.send_ids)
    assert claimed(conn, 5) == []


def test_two_senders_share_a_queue(conn: psycopg.Connection, warehouse_dsn: str) -> None:
    """What one has locked in this very moment the other passes over, in every campaign."""
    filled = [*fill(conn, 4, campaign="welcome").send_ids, *fill(conn, 4, campaign="win_back").send_ids]
    with psycopg.connect(warehouse_dsn) as other:
        first = Ledger(conn=other, channel="email", lease=LEASE).claim(4, NOW).send_ids
        second = claimed(conn, 8)
        assert not set(first) & set(second)
        other.commit()
    assert sorted([*first, *second, *claimed(conn, 8)]) == sorted(filled)


def test_a_campaign_that_stands_still_is_not_walked_through(conn: psycopg.Connection, clock: Clock) -> None:
    fill(conn, 3_000, campaign="welcome", priority=1)
    going = fill(conn, 10, campaign="win_back")
    set_paused(conn, "welcome", paused=True, by="ada", clock=clock)
    conn.execute("ANALYZE activation.sends")
    conn.commit()
    query = str(queries("delivery")["claim"])
    asked = {
        "channel": "email", "most": 200, "token": "00000000-0000-0000-0000-000000000001", "now": NOW,
        "lease_until": NOW + LEASE,
    }  # fmt: skip
    for way in ("seqscan", "hashjoin", "mergejoin"):  # with a large table PostgreSQL takes none of them
        conn.execute(f"SET LOCAL enable_{way} = off")
    [([found],)] = conn.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {query}", asked).fetchall()
    conn.rollback()
    assert rows_touched(found["Plan"]) < 10 * len(going.send_ids)
    assert sorted(claimed(conn, 200)) == sorted(going.send_ids)
