"""A mail that was sent, and the service that its unsubscribe link leads to."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import psycopg
import pytest

from campaign_shop import Desk, add_customer
from edge_service import Running, edge_dsn, win_back
from marketflow.campaigns import release
from marketflow.embedded.postgres import Server
from marketflow.shared import Clock


@pytest.fixture
def sent(conn: psycopg.Connection, clock: Clock) -> int:
    """The id of a mail that Ada got."""
    add_customer(conn, "Ada")
    conn.execute("INSERT INTO ops.table_freshness SELECT 'marts.' || t, '2017-12-31', now(), 1 FROM unnest(%s::text[]) AS t",
                 [["customer_360", "product_recommendations", "products"]])  # fmt: skip
    desk = Desk(conn, clock)
    plan = desk.plan(win_back(), approval=False)
    assert release(conn, plan.plan_id, clock=clock) == 1
    conn.execute("UPDATE activation.sends SET state = 'sent'")
    conn.commit()
    [(send_id,)] = desk.rows("SELECT send_id FROM activation.sends")
    return int(send_id)


@pytest.fixture
def http(pg_server: Server, warehouse_dsn: str, clock: Clock) -> Iterator[httpx.Client]:
    with Running(edge_dsn(pg_server, warehouse_dsn), clock) as client:
        yield client
