"""The performance of campaigns, from the ledger and the orders that followed."""

from __future__ import annotations

import psycopg

from marketflow.shared import Clock
from marketflow.warehouse import data_as_of, load_transforms, lock_job, run_transform

TABLE = "marts.campaign_performance"


def evaluate_campaigns(conn: psycopg.Connection, *, clock: Clock, attribution_days: int | None = None) -> int:
    """Bring marts.campaign_performance up to date; gives its number of rows.

    An order counts for a message when it was placed within `attribution_days` days after the message was sent; None is
    each campaign's own window.
    """
    with conn.transaction():
        lock_job(conn, "evaluate_campaigns")
        as_of = data_as_of(conn, clock)
        params = {"attribution_days": attribution_days}
        return run_transform(conn, load_transforms()[TABLE], params, now=clock.now(), data_as_of=as_of).rows
