"""What the loads of a build bring, brought into shape once: temporary tables that the transforms of core read."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import sql

from marketflow.shared import Clock, Shop
from marketflow.warehouse.identity import find_same_people
from marketflow.warehouse.queries import queries

if TYPE_CHECKING:
    from collections.abc import Iterator

_ROOMS = ("staging", "staging_customers")  # in this order
# Their statements that fill, index or measure tables of the others; each other one creates the table of its name.
_NOT_TABLES = ("count_loads", "count_several_rows", "deleted_versions", "unusual_orders", "statistics")
_SAMPLE = 10
_RAW = ("orders", "customers", "contacts", "consents", "products", "events", "interactions", "feedback")


def parameters(
    loads: list[int],
    *,
    now: dt.datetime,
    shop: Shop,
    line_loads: list[int] | None = None,
    days: tuple[dt.date | None, dt.date | None] = (None, None),
) -> dict[str, Any]:
    """What the statements of a build are given. `days` limits a rebuild to what happened from the first to the last."""
    return {
        "load_ids": loads,
        "line_loads": line_loads or loads,
        "now": now,
        "time_zone": shop.time_zone,
        "locale": shop.locale,
        "country": shop.country,
        "base_currency": shop.currency,
        "day_from": days[0],
        "day_to": days[1],
    }


def shop_of(clock: Clock, shop: Shop | None) -> Shop:
    """The shop, or for who has none at hand a shop of the clock's zone with the settings' defaults."""
    return shop or Shop(time_zone=clock.time_zone.key, country="US", locale="en-US", currency="USD")


@contextmanager
def staged(conn: psycopg.Connection, params: Mapping[str, Any]) -> Iterator[None]:
    """Create the temporary tables, find out who is the same person, and drop the tables at the end of the block.

    Parameters are bound by the client: PostgreSQL binds none in CREATE TABLE AS, which alone is planned in parallel.
    """
    statements = [pair for room in _ROOMS for pair in queries(room).statements.items()]
    tables = [name for name, _ in statements if name not in _NOT_TABLES] + ["found"]
    conn.execute(queries("builds")["sample"], {"target": _SAMPLE})
    for table in _RAW:
        conn.execute(sql.SQL("ANALYZE {}").format(sql.Identifier("raw", table)))
    with psycopg.ClientCursor(conn) as cursor:
        for name, statement in statements:
            cursor.execute(statement, params if name != "statistics" else None)
    conn.execute(queries("builds")["usual_sample"])
    conn.execute(queries("findings")["found"])
    find_same_people(conn)
    yield
    conn.execute(sql.SQL("DROP TABLE {}").format(sql.SQL(", ").join(sql.Identifier("pg_temp", t) for t in tables)))
