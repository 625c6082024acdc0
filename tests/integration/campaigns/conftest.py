"""A small shop: five customers who ordered on the business day, one of whom may not be written to for each reason."""

from __future__ import annotations

import datetime as dt

import psycopg
import pytest

from campaign_shop import RING, Desk, People, add_customer, add_order, fresh, suppress
from marketflow.campaigns import Campaign, load_campaigns
from marketflow.privacy import KeyRing
from marketflow.shared import Clock


@pytest.fixture
def keys() -> KeyRing:
    return RING


@pytest.fixture
def campaigns() -> dict[str, Campaign]:
    return {c.name: c for c in load_campaigns()}


@pytest.fixture
def shop(conn: psycopg.Connection) -> psycopg.Connection:
    """Products 1 to 8 (1 goes with 3 and 4; 8 must not be recommended), fresh tables, nobody yet; committed."""
    conn.cursor().executemany(
        "INSERT INTO marts.products VALUES (%s, %s, %s, null, null, null, null, %s)",
        [(i, f"P{i}", f"Product {i}", i != 8) for i in range(1, 9)],
    )
    conn.cursor().executemany(
        "INSERT INTO marts.related_products VALUES (1, %s, %s, 'x', 0.1, %s, %s, 1, 'bought_together', %s)",
        [(1, 3, 0.5, 2.0, 1.0), (2, 4, 0.5, 3.0, 1.5), (3, 2, 0.9, 9.0, 8.1), (4, 8, 0.9, 9.0, 8.1)],
    )
    conn.cursor().executemany(
        "INSERT INTO marts.top_products VALUES (%s, %s, %s, 'x', 9, 9)",
        [(dt.date(2017, 12, 31), r, 9 - r) for r in range(2, 9)] + [(dt.date(2017, 12, 24), 1, 1)],
    )
    fresh(conn)
    conn.commit()
    return conn


@pytest.fixture
def five(shop: psycopg.Connection) -> People:
    """Ada may be written to; Bo has no address, Cy gave no consent, Di withdrew it, Ed's address bounced. All ordered."""
    people = {
        "Ada": add_customer(shop, "Ada"),
        "Bo": add_customer(shop, "Bo", email=False),
        "Cy": add_customer(shop, "Cy", consent=None),
        "Di": add_customer(shop, "Di", consent=False),
        "Ed": add_customer(shop, "Ed"),
    }
    for customer, _ in people.values():
        add_order(shop, customer, [1, 2])
    suppress(shop, people["Ed"][1] or 0)
    shop.commit()
    return people


@pytest.fixture
def desk(shop: psycopg.Connection, clock: Clock) -> Desk:
    return Desk(shop, clock)
