"""Merging again what raw still holds: the same rows as the first time, damaged ones repaired, and no number changed."""

from __future__ import annotations

import datetime as dt

import psycopg

from marketflow.shared import Clock, Shop
from marketflow.warehouse.builds import BuildSummary, lock_job, merge, refresh_marts
from marketflow.warehouse.queries import queries
from marketflow.warehouse.staging import parameters, shop_of


def rebuild_warehouse(
    conn: psycopg.Connection,
    *,
    clock: Clock,
    shop: Shop | None = None,
    day_from: dt.date | None = None,
    day_to: dt.date | None = None,
) -> BuildSummary:
    """Merge the loads that raw holds into core once more, and write the marts of those days anew.

    With days only what happened on them is merged again (orders, events, interactions, feedback); descriptions
    (customers, products, rates, ...) are in any case. A version that core has already is compared and rewritten where
    it differs; nothing is deleted because raw holds it no longer. One transaction for core and one for the marts.
    """
    with conn.transaction():
        lock_job(conn, "build_core")
        loads = [int(row[0]) for row in conn.execute(queries("builds")["held_loads"])]
        params = parameters(loads, now=clock.now(), shop=shop_of(clock, shop), days=(day_from, day_to))
        changed, warnings = merge(conn, params, clock=clock, findings=False)
    marts = refresh_marts(conn, clock=clock, day_from=day_from, day_to=day_to)
    return BuildSummary(
        changed=True,
        loads=loads,
        days=marts.days,
        rows_changed=changed | marts.rows_changed,
        warnings=warnings | marts.warnings,
    )
