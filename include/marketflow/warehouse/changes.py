"""Assets only wake; what there is to do stands in `ops.pending_changes`, behind each consumer's watermark."""

from __future__ import annotations

import datetime as dt

import psycopg

from marketflow.warehouse.queries import queries


def position(conn: psycopg.Connection, consumer: str, entities: list[str] | None = None) -> tuple[int, int]:
    """(watermark of `consumer`, newest change): when the first is not below the second, there is nothing to do.

    With `entities` only changes of those count: who learns from orders need not wake for a new name.
    """
    values = {"consumer": consumer, "entities": entities}
    row = conn.execute(queries("warehouse")["change_position"], values).fetchone()
    assert row is not None  # an aggregate always has a row
    return int(row[0]), int(row[1])


def advance(conn: psycopg.Connection, consumer: str, to: int, now: dt.datetime) -> None:
    """Move the watermark forward to `to` (never back), in the caller's transaction."""
    conn.execute(queries("warehouse")["change_advance"], {"consumer": consumer, "position": to, "now": now})


def record_changes(conn: psycopg.Connection, entity: str, keys: list[str], now: dt.datetime) -> None:
    """Note that `keys` of an entity (`customer`, `product`, `day`, ...) have changed."""
    conn.execute(queries("warehouse")["change_record"], {"entity": entity, "keys": keys, "now": now})
