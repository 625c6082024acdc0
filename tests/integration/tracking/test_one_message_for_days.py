"""Somebody fetches one link for days: the events of all others are taken and judged as fast as ever."""

from __future__ import annotations

import datetime as dt
import uuid
from pathlib import Path
from typing import Any

import psycopg
import pytest

from campaign_shop import RING
from journals import journal
from ledger_fixture import NOW, HandClock, fill
from marketflow.campaigns.tracking import TrackingSummary, take_tracking
from marketflow.warehouse import connect

SENT_AT = NOW - dt.timedelta(days=1)
ROWS = 20_000
FOR_DAYS = """
INSERT INTO activation.tracking_events (
    event_id, send_id, campaign, channel, kind, url, occurred_at, recorded_at, verdict, client, network_hash, method
)
SELECT gen_random_uuid(), %s, 'thank_you', 'email', 'click', 'https://shop.example.com/1', %s + make_interval(secs => n),
    %s, 'person', 'chrome', %s, 'GET'
FROM generate_series(1, %s) AS n
"""
NETWORK = "0a" * 16


@pytest.fixture
def flooded(conn: psycopg.Connection) -> list[int]:
    """Two messages; the first one was clicked in once a second for hours, from one network."""
    found = fill(conn, 2).send_ids
    conn.execute("UPDATE activation.sends SET state = 'sent', sending_at = %s, settled_at = %s", [SENT_AT, SENT_AT])
    conn.execute(FOR_DAYS, [found[0], SENT_AT + dt.timedelta(minutes=1), NOW, bytes.fromhex(NETWORK), ROWS])
    conn.commit()
    return found


def event(send_id: int, after: float, kind: str = "click", **more: Any) -> dict[str, Any]:
    at = (SENT_AT + dt.timedelta(minutes=1, seconds=after)).isoformat()
    url = "https://shop.example.com/1" if kind == "click" else None
    return {"event_id": str(uuid.uuid4()), "kind": kind, "send_id": send_id, "url": url, "occurred_at": at,
            "method": "GET", "client": "chrome", "network": NETWORK} | more  # fmt: skip


def rows_read(conn: psycopg.Connection) -> int:
    """Of the table and by its indexes, by connections that have ended."""
    conn.rollback()
    conn.execute("SELECT pg_stat_force_next_flush()")
    conn.rollback()
    [(count,)] = conn.execute(
        "SELECT seq_tup_read + idx_tup_fetch FROM pg_stat_user_tables WHERE relname = 'tracking_events'"
    ).fetchall()
    conn.rollback()
    return int(count)


def take(dsn: str, folder: Path, *segments: list[dict[str, Any]]) -> TrackingSummary:
    for events in segments:
        journal(folder, events)
    with connect(dsn, "sender") as conn:
        return take_tracking(conn, folder, RING, HandClock())


def test_what_comes_then_is_taken_and_only_what_stands_near_it_is_looked_at(
    conn: psycopg.Connection, warehouse_dsn: str, tmp_path: Path, flooded: list[int]
) -> None:
    """Judged as a whole, the message would be millions of rows beside each other: each day more, until it ends never."""
    scanner = event(flooded[0], 5_000.5, client="security_program")
    more = [event(flooded[0], 6_000.25 + n) for n in range(0, 2_000, 10)]
    before = rows_read(conn)
    found = take(warehouse_dsn, tmp_path, [scanner, *more], [event(flooded[1], 7_000)])
    assert (found.problems, found.segments, found.stored) == ((), 2, 202)
    assert rows_read(conn) - before < 500 * len(more)
    beside = conn.execute(
        "SELECT count(*), min(occurred_at), max(occurred_at) FROM activation.tracking_events"
        " WHERE verdict_reason = 'beside_a_scanner'"
    ).fetchone()
    at = dt.datetime.fromisoformat(scanner["occurred_at"])
    half, minute = dt.timedelta(seconds=0.5), dt.timedelta(minutes=1)
    assert beside == (120, at - minute + half, at + minute - half)
    assert found.scanners == 121
    assert list(tmp_path.iterdir()) == []


def test_a_segment_that_the_database_takes_too_long_over_stops_no_other(
    conn: psycopg.Connection, warehouse_dsn: str, tmp_path: Path, flooded: list[int]
) -> None:
    """Somebody holds a row that the first segment needs; the message says so, and the next run takes it."""
    conn.execute("UPDATE activation.sends SET state = 'unknown', reason = 'lost' WHERE send_id = %s", [flooded[0]])
    conn.commit()
    stuck = event(flooded[0], 5_000, "open", client="gmail_proxy")
    conn.execute("SELECT 1 FROM activation.sends WHERE send_id = %s FOR UPDATE", [flooded[0]])
    found = take(warehouse_dsn, tmp_path, [stuck], [event(flooded[1], 7_000)])
    [problem] = found.problems
    assert "was not taken and stays: the database takes too long over it" in problem
    assert (found.segments, found.stored) == (1, 1)
    conn.rollback()
    again = take(warehouse_dsn, tmp_path)
    assert (again.problems, again.segments, again.stored, again.settled) == ((), 1, 1, 1)
