"""Assets only wake; what there is to do stands in `ops.pending_changes`, behind each consumer's watermark."""

from __future__ import annotations

import datetime as dt

import psycopg

from marketflow.warehouse.queries import queries


def position(conn: psycopg.Connection, consumer: str) -> tuple[int, int]:
    """(watermark of `consumer`, newest change): equal when there is nothing to do."""
    row = conn.execute(queries("warehouse")["change_position"], {"consumer": consumer}).fetchone()
    assert row is not None  # an aggregate always has a row
    return int(row[0]), int(row[1])


def advance(conn: psycopg.Connection, consumer: str, to: int, now: dt.datetime) -> None:
    """Move the watermark forward to `to` (never back), in the caller's transaction."""
    conn.execute(queries("warehouse")["change_advance"], {"consumer": consumer, "to": to, "now": now})


def record_changes(conn: psycopg.Connection, entity: str, keys: list[str], now: dt.datetime) -> None:
    """Note that `keys` of an entity (`customer`, `product`, `day`, ...) have changed."""
    conn.execute(queries("warehouse")["change_record"], {"entity": entity, "keys": keys, "now": now})
