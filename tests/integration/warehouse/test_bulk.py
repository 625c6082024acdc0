"""A bulk load makes the indexes anew, as they were; where it cannot, it goes the ordinary way to the same rows."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from marketflow.shared import Clock, Shop
from marketflow.warehouse import build_core, bulk
from table_rows import give
from two_systems import deliver, loads

SHOP = Shop(time_zone="America/New_York", country="US", locale="en-US", currency="USD")
TABLES = ("core.orders", "core.baskets", "core.customer_identifiers")
CONFLICTS = ("core.current_addresses", "core.customer_keys")  # their steps need their keys
DEFINITIONS = """
SELECT c.conrelid::regclass::text, c.conname, pg_get_constraintdef(c.oid) FROM pg_constraint AS c
WHERE c.conrelid::regclass::text = any(%(tables)s)
UNION ALL
SELECT i.indrelid::regclass::text, i.indexrelid::regclass::text, pg_get_indexdef(i.indexrelid) FROM pg_index AS i
WHERE i.indrelid::regclass::text = any(%(tables)s) AND i.indisvalid
ORDER BY 1, 2
"""


ROWS = """
SELECT o.source, o.external_id, i.external_id, o.ordered_on, o.revenue, l.line_no, p.external_id, l.quantity, l.amount
FROM core.orders AS o
JOIN core.order_lines AS l USING (order_id)
JOIN core.products AS p USING (product_id)
LEFT JOIN core.customer_identifiers AS i ON i.customer_id = o.customer_id AND i.source = o.source
ORDER BY o.source, o.external_id, l.line_no, i.external_id
"""


def definitions(conn: psycopg.Connection) -> list[tuple[str, str, str]]:
    return conn.execute(DEFINITIONS, {"tables": [*TABLES, *CONFLICTS]}).fetchall()


def oids(conn: psycopg.Connection) -> set[int]:
    """Of the indexes: an index that was made anew has another."""
    found = conn.execute(
        "SELECT indexrelid::int FROM pg_index WHERE indrelid::regclass::text = any(%s)", [list(TABLES)]
    )
    return {row[0] for row in found}


def build(conn: psycopg.Connection, clock: Clock) -> list[tuple[Any, ...]]:
    for number, load in enumerate(loads(), start=1):
        deliver(conn, number, load)
        build_core(conn, clock=clock, shop=SHOP)
    return conn.execute(ROWS).fetchall()


def test_the_indexes_are_made_anew_as_they_were(
    conn: psycopg.Connection, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk, "_WORTH", 1)
    before, known = definitions(conn), oids(conn)
    assert len(before) > 8
    build(conn, clock)
    assert definitions(conn) == before
    assert not oids(conn) & known


def test_the_rows_are_the_same_with_and_without(
    conn: psycopg.Connection, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    with conn.transaction() as trial:
        plain = build(conn, clock)
        assert len(plain) > 60
        raise psycopg.Rollback(trial)
    monkeypatch.setattr(bulk, "_WORTH", 1)
    with conn.transaction() as trial:
        assert build(conn, clock) == plain
        raise psycopg.Rollback(trial)


def test_a_reader_is_not_waited_for(
    conn: psycopg.Connection, clock: Clock, warehouse_dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk, "_WORTH", 1)
    known = oids(conn)
    with psycopg.connect(warehouse_dsn) as reader:
        reader.execute("SELECT count(*) FROM core.orders, core.baskets, core.customer_identifiers")
        build(conn, clock)
    assert oids(conn) == known


def test_a_block_that_fails_leaves_the_indexes(conn: psycopg.Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bulk, "_WORTH", 1)
    before = definitions(conn)
    with conn.transaction() as trial, bulk.keys_afterwards(conn, "core.baskets", rows=5):
        assert len(definitions(conn)) < len(before)
        raise psycopg.Rollback(trial)
    assert definitions(conn) == before


def test_a_small_load_into_a_large_table_keeps_them(conn: psycopg.Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bulk, "_WORTH", 1)
    conn.execute("INSERT INTO core.baskets SELECT n, 1, '{1}', '{p}', '{1}', '{1}' FROM generate_series(1, 20) AS n")
    conn.execute("ANALYZE core.baskets")
    known = oids(conn)
    with conn.transaction(), bulk.keys_afterwards(conn, "core.baskets", rows=19):
        assert oids(conn) == known
    with conn.transaction(), bulk.keys_afterwards(conn, "core.baskets", rows=20):
        assert oids(conn) != known


def test_a_reader_of_the_customers_is_not_waited_for(
    conn: psycopg.Connection, clock: Clock, warehouse_dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Foreign keys stay then: to drop one locks the other table as well."""
    monkeypatch.setattr(bulk, "_WORTH", 1)
    conn.execute("SET lock_timeout = '3s'")
    known = oids(conn)
    with psycopg.connect(warehouse_dsn) as reader:
        reader.execute("SELECT count(*) FROM core.customers")
        build(conn, clock)
    assert not oids(conn) & known


def names(conn: psycopg.Connection, table: str) -> set[str]:
    """Of its keys and indexes."""
    rules = ("NOT NULL", "CHECK")
    return {name for of, name, what in definitions(conn) if of == table and not what.startswith(rules)}


def test_a_foreign_key_goes_when_nobody_reads_the_table_that_it_points_to(
    conn: psycopg.Connection, warehouse_dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk, "_WORTH", 1)
    before = definitions(conn)
    with conn.transaction() as trial, bulk.keys_afterwards(conn, "core.orders", rows=5):
        assert names(conn, "core.orders") == set()
        raise psycopg.Rollback(trial)
    conn.rollback()  # gives up the locks
    with psycopg.connect(warehouse_dsn) as reader:
        reader.execute("SELECT count(*) FROM core.customers")
        with conn.transaction(), bulk.keys_afterwards(conn, "core.orders", rows=5):
            assert names(conn, "core.orders") == {"orders_customer_id_fkey"}
    assert definitions(conn) == before


@pytest.mark.parametrize("table", CONFLICTS)
def test_a_step_that_needs_the_keys_loses_foreign_keys_only(
    conn: psycopg.Connection, monkeypatch: pytest.MonkeyPatch, table: str
) -> None:
    monkeypatch.setattr(bulk, "_WORTH", 1)
    before = definitions(conn)
    kept = {name for of, name, what in before if of == table and not what.startswith(("NOT NULL", "CHECK", "FOREIGN"))}
    with conn.transaction(), bulk.keys_afterwards(conn, table, rows=5, own=False):
        assert names(conn, table) == kept
    assert definitions(conn) == before
    assert kept < names(conn, table)


def test_foreign_keys_of_a_table_that_has_rows_stay(conn: psycopg.Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who sends or unsubscribes reads the tables that they point to, and is not to wait for a build."""
    monkeypatch.setattr(bulk, "_WORTH", 1)
    give(conn, "core.customers", [{"customer_id": 1}])
    give(conn, "core.current_addresses", [{"customer_id": 1}])
    give(conn, "core.orders", [{"order_id": 1, "external_id": "o1", "customer_id": 1}])
    before = names(conn, "core.current_addresses")
    with conn.transaction():
        with bulk.keys_afterwards(conn, "core.current_addresses", rows=5, own=False):
            assert names(conn, "core.current_addresses") == before
        with bulk.keys_afterwards(conn, "core.orders", rows=5):
            assert names(conn, "core.orders") == {"orders_customer_id_fkey"}
        locked = conn.execute(
            "SELECT relation::regclass::text FROM pg_locks WHERE mode = 'AccessExclusiveLock' AND relation > 16384"
            " AND relation IN ('core.customers'::regclass, 'core.contact_points'::regclass)"
        )
        assert locked.fetchall() == []


def test_a_row_that_points_nowhere_is_found_afterwards(
    conn: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk, "_WORTH", 1)
    with (
        pytest.raises(psycopg.errors.ForeignKeyViolation),
        conn.transaction(),
        bulk.keys_afterwards(conn, "core.current_addresses", rows=5, own=False),
    ):
        conn.execute("INSERT INTO core.current_addresses (customer_id) VALUES (12345)")


@pytest.mark.parametrize(
    "made",
    [
        """CREATE VIEW marts.my_orders AS SELECT o.order_id, o.revenue, count(*) AS lines
        FROM core.orders AS o JOIN core.order_lines USING (order_id) GROUP BY o.order_id""",
        "CREATE TABLE core.parcels (order_id bigint REFERENCES core.orders)",
        "COMMENT ON INDEX core.orders_pkey IS 'x'",
        "COMMENT ON CONSTRAINT orders_pkey ON core.orders IS 'x'",
        "CREATE INDEX loose ON core.orders (file_id) WITH (fillfactor = 70)",
        "ALTER TABLE core.orders REPLICA IDENTITY USING INDEX orders_pkey",
        "ALTER TABLE core.orders CLUSTER ON orders_pkey",
        "CREATE INDEX counted ON core.orders (lower(currency)); ALTER INDEX core.counted ALTER COLUMN 1 SET STATISTICS 500",
    ],
    ids=[
        "view",
        "foreign key",
        "comment",
        "comment of a key",
        "options",
        "replica identity",
        "clustered",
        "statistics",
    ],
)
def test_indexes_that_somebody_needs_as_they_are_stay(
    conn: psycopg.Connection, clock: Clock, monkeypatch: pytest.MonkeyPatch, made: str
) -> None:
    monkeypatch.setattr(bulk, "_WORTH", 1)
    conn.execute(made.encode())
    query = "SELECT indexrelid::int FROM pg_index WHERE indrelid = 'core.orders'::regclass ORDER BY 1"
    known = conn.execute(query).fetchall()
    build(conn, clock)
    assert conn.execute(query).fetchall() == known
