"""Participation and conversion per campaign, as the transform `marts.campaign_performance`."""

from __future__ import annotations

import psycopg

from marketflow.shared import Clock
from marketflow.warehouse import load_transforms, run_transform
from marketflow.warehouse.builds import data_as_of

TABLE = "marts.campaign_performance"


def evaluate_campaigns(conn: psycopg.Connection, *, clock: Clock, attribution_days: int) -> int:
    """Write the table anew and return its rows: one per campaign, occasion and channel.

    An order counts for a message when it came within `attribution_days` after the message was accepted.
    """
    with conn.transaction():
        result = run_transform(
            conn,
            load_transforms()[TABLE],
            {"attribution_days": attribution_days},
            now=clock.now(),
            data_as_of=data_as_of(conn, clock),
        )
    return result.rows
