"""A small shop's orders in core, written there directly: segments read nothing else."""

from __future__ import annotations

import datetime as dt
import random

import psycopg
import pytest

from table_rows import give

DAY = dt.date(2017, 12, 31)


def an_order(number: int, customer: int, day: dt.date, rng: random.Random) -> dict[str, object]:
    """An order of few possible sums, so that some are equal; one of eight is brought back goods."""
    kind = rng.choice(["sale"] * 7 + ["return"])
    revenue = rng.randrange(1, 40) * (1 if kind == "sale" else -1)
    return {
        "order_id": number, "external_id": f"o{number}", "customer_id": customer, "ordered_on": day, "kind": kind,
        "revenue": revenue, "base_revenue": revenue,
    }  # fmt: skip


def fill(conn: psycopg.Connection, *, customers: int = 40, days: int = 90) -> None:
    """Four orders a day until DAY by customers 1 to `customers`."""
    rng = random.Random(3)
    give(conn, "core.customers", [{"customer_id": n + 1} for n in range(customers)])
    orders = [
        an_order(n + 1, rng.randrange(customers) + 1, DAY - dt.timedelta(days=n // 4), rng) for n in range(days * 4)
    ]
    give(conn, "core.orders", orders)


@pytest.fixture
def shop(conn: psycopg.Connection) -> psycopg.Connection:
    """Core with 40 customers, all of whom have bought, without models."""
    fill(conn)
    return conn
