"""Sessions are in UTC, whatever the server's zone is: instants that drivers give on are read as they are."""

from __future__ import annotations

import datetime as dt

import psycopg
import pytest

from marketflow.warehouse import connect
from marketflow.warehouse.connect import Role

SUMMER = "SELECT current_setting('TimeZone'), '2026-07-01T10:00:00Z'::timestamptz"


@pytest.mark.parametrize("role", [None, "loader"])
@pytest.mark.parametrize("autocommit", [True, False])
def test_a_session_is_in_utc(
    conn: psycopg.Connection, warehouse_dsn: str, *, role: Role | None, autocommit: bool
) -> None:
    name = psycopg.sql.Identifier(conn.info.dbname)
    conn.execute(psycopg.sql.SQL("ALTER DATABASE {} SET timezone = 'Europe/Berlin'").format(name))
    conn.commit()
    with psycopg.connect(warehouse_dsn) as plain:
        assert plain.execute("SHOW timezone").fetchone() == ("Europe/Berlin",)
    with connect(warehouse_dsn, role, autocommit=autocommit) as ours:
        ours.rollback()
        found = ours.execute(SUMMER).fetchone()
        assert found == ("UTC", dt.datetime(2026, 7, 1, 10, tzinfo=dt.UTC))
        assert found[1].utcoffset() == dt.timedelta(0)
