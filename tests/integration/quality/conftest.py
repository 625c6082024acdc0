"""The gate of a test's own warehouse."""

from __future__ import annotations

from collections.abc import Callable

import psycopg
import pytest

from marketflow.shared import Clock
from quality_loads import Gate


@pytest.fixture
def gate(warehouse_dsn: str, clock: Clock) -> Gate:
    """The gate of this test's warehouse."""
    return Gate(warehouse_dsn, clock)


@pytest.fixture
def state(conn: psycopg.Connection) -> Callable[[int], tuple[str, str | None]]:
    """Looks up state and reason of a load."""

    def look(load_id: int) -> tuple[str, str | None]:
        conn.rollback()
        row = conn.execute("SELECT state, reason FROM ops.loads WHERE load_id = %s", [load_id]).fetchone()
        assert row
        return row[0], row[1]

    return look
