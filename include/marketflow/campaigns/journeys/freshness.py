"""What a journey reads must know the whole business day: on older data nobody is moved, as no campaign is planned."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

import psycopg

from marketflow.campaigns.audience import AudienceRefused, tables_read
from marketflow.campaigns.journeys.batch import event_statement
from marketflow.shared import Clock
from marketflow.warehouse import queries

_TABLES = {"orders": ("core.orders",), "events": ("core.events",), "mails": ()}  # opens and clicks are known at once


def stale_tables(conn: psycopg.Connection, definition: Mapping[str, Any], clock: Clock) -> str | None:
    """In words, what a frozen version asks of its people and does not know until the business day; None: all of it."""
    with conn.transaction():
        late = late_tables(conn, read_by(definition), clock.business_date())
    if not late:
        return None
    known = "; ".join(f"{table} knows what happened until {day or 'no day at all'}" for table, day in late.items())
    return f"stale data: {known}; the business day is {clock.business_date()}"


def late_tables(conn: psycopg.Connection, tables: Sequence[str], day: dt.date) -> dict[str, dt.date | None]:
    """Those of `tables` that do not know what happened on `day`, with the last day that they know."""
    rows = conn.execute(queries("warehouse")["freshness_read"], {"tables": list(tables)}).fetchall()
    known: dict[str, dt.date | None] = dict(rows)
    return {table: known.get(table) for table in tables if (known.get(table) or dt.date.min) < day}


def read_by(definition: Mapping[str, Any]) -> tuple[str, ...]:
    """The tables of a frozen version's goal, waits and branches."""
    asked = [definition["journey"]["goal"], *(s.get("wait") or s.get("branch") for s in definition["steps"])]
    found: list[str] = []
    for said in asked:
        if said and said.get("event"):
            found += _TABLES[event_statement(said["event"])[0]]
        if said and said.get("where"):
            found += tables_of(said["where"])
    return tuple(dict.fromkeys(found))


def tables_of(where: str) -> tuple[str, ...]:
    """The tables of a condition; one that cannot be read is told of where it is asked."""
    with suppress(AudienceRefused):
        return ("marts.customer_360", *tables_read(where))
    return ("marts.customer_360",)
