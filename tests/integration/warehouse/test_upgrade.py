"""A warehouse of the version before: what it knows is kept, and is known in the new tables too."""

from __future__ import annotations

import datetime as dt
import importlib
from collections.abc import Iterator

import psycopg
import pytest

from conftest import PASSWORDS, owner_dsn
from marketflow.embedded.postgres import Server
from marketflow.shared import Clock, Shop
from marketflow.warehouse import bootstrap, build_core, connect, migrate, rebuild_warehouse
from two_systems import deliver, email, phone

NOW = dt.datetime(2026, 11, 22, 9, 0, tzinfo=dt.UTC)
SHOP = Shop(time_zone="America/New_York", country="US", locale="en-US", currency="USD")
BEFORE = 8  # migrations of the version before
# Ann and Bob share an address, which is Ann's; Cid has none. Each record was a source of its own; one load was cut off.
OLD = """
INSERT INTO core.customers (customer_id, age_band, first_seen_at, updated_at) OVERRIDING SYSTEM VALUE
SELECT n, 'old', '2017-01-01Z', '2017-01-01Z' FROM generate_series(1, 3) AS n;
INSERT INTO core.customer_identifiers VALUES ('shop', 'ann', 1), ('shop', 'bob', 2), ('shop', 'cid', 3);
INSERT INTO core.contact_points (channel, address_hash, address, customer_id, first_seen_at)
VALUES ('email', decode(lpad('1', 64, '0'), 'hex'), 'x', 1, '2017-01-01Z');
INSERT INTO core.current_addresses VALUES (1, 1), (2, 1), (3, null);
SELECT setval('core.customers_customer_id_seq', 10), setval('core.contact_points_contact_point_id_seq', 10);
INSERT INTO ops.loads (load_id, source, record, state, started_at, records_read, records_loaded) OVERRIDING SYSTEM VALUE
VALUES (1, 'old', 'customers', 'merged', '2017-01-01Z', 3, 3), (2, 'old', 'customers', 'passed', '2017-01-01Z', 1, 1),
(3, 'old', 'orders', 'loading', '2017-01-01Z', 0, 0);
SELECT setval('ops.loads_load_id_seq', 10);
INSERT INTO ops.landing_files (file_id, load_id, source, path, checksum, bytes, state, taken_at) OVERRIDING SYSTEM VALUE
SELECT n, n, 'old', 'f' || n, sha256(n::text::bytea), 1, 'loaded', '2017-01-01Z' FROM generate_series(1, 2) AS n;
INSERT INTO raw.customers (load_id, file_id, record_no, customer_ref, email, email_hash, locale, time_zone, country, age_band, is_simulated)
VALUES (2, 2, 1, 'dan', 'x', decode(lpad('4', 64, '0'), 'hex'), 'en-US', 'UTC', 'US', 'new', false),
(1, 1, 1, 'ann', 'x', decode(lpad('1', 64, '0'), 'hex'), 'en-US', 'UTC', 'US', 'old', false);
"""
ADDRESSES = "SELECT customer_id, contact_point_id, sms_contact_point_id FROM core.current_addresses ORDER BY 1"


@pytest.fixture
def upgraded(pg_server: Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[psycopg.Connection]:
    """A warehouse with data of the version before, migrated to this one."""
    module = importlib.import_module("marketflow.warehouse.migrate")
    before = module.load_migrations()[:BEFORE]
    bootstrap(pg_server.dsn(), "warehouse_before", PASSWORDS)
    try:
        with connect(owner_dsn(pg_server, "warehouse_before")) as conn:
            with monkeypatch.context() as patch:
                patch.setattr(module, "load_migrations", lambda: before)
                migrate(conn, NOW)
            conn.execute(OLD)
            migrate(conn, NOW)
            yield conn
    finally:
        with psycopg.connect(pg_server.dsn(), autocommit=True) as admin:
            admin.execute("DROP DATABASE warehouse_before WITH (FORCE)")


def test_loads_and_keys_are_known_in_the_new_tables(upgraded: psycopg.Connection) -> None:
    loads = upgraded.execute("SELECT load_id, source, system, state FROM ops.loads ORDER BY 1").fetchall()
    assert loads == [
        (1, "customers", "shop", "merged"), (2, "customers", "shop", "passed"), (3, "orders", "shop", "loading"),
    ]  # fmt: skip
    records = upgraded.execute("SELECT load_id, record, records_loaded FROM ops.load_records ORDER BY 1").fetchall()
    assert records == [(1, "customers", 3), (2, "customers", 1)], "one that is loading has none yet"
    keys = upgraded.execute("SELECT key_kind, external_id, customer_id FROM core.customer_keys ORDER BY 2").fetchall()
    assert keys == [("email", "ann", 1), ("email", "bob", 2)]


def test_who_was_known_is_found_by_another_system(upgraded: psycopg.Connection, clock: Clock) -> None:
    upgraded.execute("DELETE FROM core.current_addresses WHERE customer_id = 2")
    upgraded.execute("DELETE FROM core.customer_keys WHERE customer_id = 2")
    deliver(upgraded, 20, {"system": "till", "rows": {"raw.customers": [{"customer_ref": "A", **email(1)}]}})
    build_core(upgraded, clock=clock, shop=SHOP)
    found = upgraded.execute("SELECT customer_id FROM core.customer_identifiers WHERE external_id = 'A'").fetchone()
    assert found == (1,)


def test_an_address_stays_until_a_record_says_another(upgraded: psycopg.Connection, clock: Clock) -> None:
    contacts = [{"customer_ref": "ann", **phone(3)}, {"customer_ref": "bob", **email(9)}]
    deliver(upgraded, 20, {"system": "shop", "source": "crm", "rows": {"raw.contacts": contacts}})
    build_core(upgraded, clock=clock, shop=SHOP)
    people = upgraded.execute(ADDRESSES).fetchall()
    assert [row[:2] for row in people[:3]] == [(1, 1), (2, 1), (3, None)]
    assert people[0][2] is not None
    rebuild_warehouse(upgraded, clock=clock, shop=SHOP)
    assert upgraded.execute(ADDRESSES).fetchall() == people
    deliver(upgraded, 21, {"system": "shop", "rows": {"raw.customers": [{"customer_ref": "bob", **email(5)}]}})
    build_core(upgraded, clock=clock, shop=SHOP)
    points = "SELECT encode(p.address_hash, 'hex')::numeric FROM core.current_addresses AS a JOIN core.contact_points AS p USING (contact_point_id) WHERE a.customer_id = 2"
    assert upgraded.execute(points).fetchall() == [(5,)]


def test_a_deletion_takes_it(upgraded: psycopg.Connection, clock: Clock) -> None:
    gone = [{"customer_ref": "ann", "is_deleted": True}, {"customer_ref": "bob", "is_deleted": True}]
    deliver(upgraded, 20, {"system": "shop", "rows": {"raw.customers": gone}})
    build_core(upgraded, clock=clock, shop=SHOP)
    assert upgraded.execute(ADDRESSES).fetchall()[:3] == [(1, None, None), (2, None, None), (3, None, None)]
    assert upgraded.execute(
        "SELECT octet_length(address) FROM core.contact_points WHERE contact_point_id = 1"
    ).fetchone() == (0,)
    assert upgraded.execute("SELECT external_id FROM core.customer_keys").fetchall() == [("dan",)]
