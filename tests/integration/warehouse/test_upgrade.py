"""A warehouse of the version before: what it knows is kept, and is known in the new tables too."""

from __future__ import annotations

import datetime as dt
import threading
import time
from collections.abc import Iterator

import psycopg
import pytest

from conftest import owner_dsn
from marketflow.embedded.postgres import Server
from marketflow.shared import Clock, Shop
from marketflow.warehouse import ROLES, build_core, build_marts, connect, migrate, rebuild_warehouse
from old_warehouse import NOW, warehouse_of
from table_rows import give, have
from two_systems import deliver, email, phone

SHOP = Shop(time_zone="America/New_York", country="US", locale="en-US", currency="USD")
BEFORE = 8  # migrations of the version before
LINES = 11  # the last at which a line is a row
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
    with warehouse_of(BEFORE, pg_server, monkeypatch) as conn:
        conn.execute(OLD)
        migrate(conn, NOW)
        yield conn


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


# Order a: its lines do not lie together, two are identical, and it came again in load 2. b: a guest, no discounts.
# c: named by two customers, so held back. d: deleted in load 2. r: a return. Load 3 waits: b anew, e, and p of the till.
LINES_AS_ROWS = """
INSERT INTO ops.loads (load_id, source, record, system, state, started_at, records_read, records_loaded)
OVERRIDING SYSTEM VALUE VALUES
(1, 'shop', 'orders', 'shop', 'merged', '2017-06-01Z', 8, 8), (2, 'shop', 'orders', 'shop', 'merged', '2017-06-02Z', 5, 5),
(3, 'till', 'orders', 'shop', 'passed', '2017-06-03Z', 2, 2);
SELECT setval('ops.loads_load_id_seq', 10);
INSERT INTO ops.landing_files (file_id, load_id, source, path, checksum, bytes, state, taken_at, version_at)
OVERRIDING SYSTEM VALUE SELECT
    n, n, 'shop', 'f' || n, sha256(n::text::bytea), 1, 'loaded', '2017-06-04Z', '2017-06-01Z'::timestamptz + n * '1 day'::interval
FROM generate_series(1, 3) AS n;
INSERT INTO raw.order_lines (
    load_id, file_id, record_no, order_ref, customer_ref, store_ref, product_ref, quantity, amount, retail_discount,
    coupon_discount, currency, ordered_at, kind, original_order_ref, version_at, is_deleted
) VALUES
(1, 1, 2, 'a', 'ann', 's1', 'q', 0.415, 1, 0.30, 0.20, 'USD', '2017-06-01 12:00Z', 'sale', NULL, NULL, FALSE),
(1, 1, 3, 'b', NULL, NULL, 'p', 2, 7, 0, 0, 'USD', '2017-06-01 13:00Z', 'sale', NULL, '2017-06-01 14:00Z', FALSE),
(1, 1, 4, 'a', 'ann', 's1', 'p', 1, 2.5, 0, 0, 'USD', '2017-06-01 12:00Z', 'sale', NULL, NULL, FALSE),
(1, 1, 5, 'a', 'ann', 's1', 'p', 1, 2.5, 0, 0, 'USD', '2017-06-01 12:00Z', 'sale', NULL, NULL, FALSE),
(1, 1, 6, 'c', 'ann', NULL, 'p', 1, 3, 0, 0, 'USD', '2017-06-01 12:00Z', 'sale', NULL, NULL, FALSE),
(1, 1, 7, 'c', 'bob', NULL, 'p', 1, 3, 0, 0, 'USD', '2017-06-01 12:00Z', 'sale', NULL, NULL, FALSE),
(1, 1, 9, 'b', NULL, NULL, 'q', 0, 0, 0, 0, 'USD', '2017-06-01 13:00Z', 'sale', NULL, '2017-06-01 14:00Z', FALSE),
(1, 1, 10, 'd', 'ann', 's1', 'q', 1, 5, 0, 0, 'USD', '2017-06-01 12:00Z', 'sale', NULL, NULL, FALSE),
(2, 2, 1, 'a', 'ann', 's1', 'q', 0.415, 1, 0.30, 0.20, 'USD', '2017-06-01 12:00Z', 'sale', NULL, NULL, FALSE),
(2, 2, 3, 'a', 'ann', 's1', 'p', 1, 2.5, 0, 0, 'USD', '2017-06-01 12:00Z', 'sale', NULL, NULL, FALSE),
(2, 2, 4, 'a', 'ann', 's1', 'p', 1, 2.5, 0, 0, 'USD', '2017-06-01 12:00Z', 'sale', NULL, NULL, FALSE),
(2, 2, 5, 'd', NULL, NULL, 'q', 0, 0, 0, 0, 'USD', '2017-06-01 12:00Z', 'sale', NULL, NULL, TRUE),
(2, 2, 6, 'r', NULL, NULL, 'p', -1, -3.5, 0, 0.25, 'USD', '2017-06-02 12:00Z', 'return', 'b', NULL, FALSE),
(3, 3, 1, 'b', NULL, NULL, 'p', 2, 8, 0, 0, 'USD', '2017-06-01 13:00Z', 'sale', NULL, '2017-06-03 14:00Z', FALSE),
(3, 3, 2, 'e', 'ann', NULL, 'new', 1, 4, 0, 0, 'USD', '2017-06-03 12:00Z', 'sale', NULL, NULL, FALSE);
INSERT INTO core.customers (customer_id, first_seen_at, updated_at) OVERRIDING SYSTEM VALUE VALUES (1, '2017-06-01Z', '2017-06-01Z');
INSERT INTO core.customer_identifiers VALUES ('shop', 'ann', 1);
INSERT INTO core.products (product_id, source, external_id, in_catalogue, updated_at) OVERRIDING SYSTEM VALUE
VALUES (1, 'shop', 'p', FALSE, '2017-06-01Z'), (2, 'shop', 'q', FALSE, '2017-06-01Z'), (3, 'till', 'p', FALSE, '2017-06-01Z');
INSERT INTO core.orders (
    order_id, source, external_id, customer_id, store_ref, ordered_at, ordered_on, line_count, revenue, discount, currency,
    file_id, kind, original_order_ref, version_at, base_revenue
) OVERRIDING SYSTEM VALUE VALUES
(1, 'shop', 'a', 1, 's1', '2017-06-01 12:00Z', '2017-06-01', 3, 6, 0.5, 'USD', 2, 'sale', NULL, '2017-06-03Z', 6),
(2, 'shop', 'b', NULL, NULL, '2017-06-01 13:00Z', '2017-06-01', 2, 7, 0, 'USD', 1, 'sale', NULL, '2017-06-01 14:00Z', 7),
(3, 'shop', 'r', NULL, NULL, '2017-06-02 12:00Z', '2017-06-02', 1, -3.5, 0.25, 'USD', 2, 'return', 'b', '2017-06-03Z', -3.5);
INSERT INTO core.order_lines VALUES
(1, 1, 2, 0.415, 1, 0.5, '2017-06-01'), (1, 3, 1, 1, 2.5, 0, '2017-06-01'), (1, 4, 1, 1, 2.5, 0, '2017-06-01'),
(2, 1, 1, 2, 7, 0, '2017-06-01'), (2, 7, 2, 0, 0, 0, '2017-06-01'), (3, 1, 1, -1, -3.5, 0.25, '2017-06-02');
SELECT setval(pg_get_serial_sequence('core.' || t, c), 10)
FROM (VALUES ('customers', 'customer_id'), ('products', 'product_id'), ('orders', 'order_id')) AS s (t, c);
INSERT INTO ops.table_freshness SELECT 'core.' || t, '2017-06-02', '2017-06-03Z', 6
FROM unnest(ARRAY['customers', 'products', 'orders', 'order_lines']) AS t;
INSERT INTO core.deleted_orders VALUES ('shop', 'd', '2017-06-03Z', 2);
"""
VIEWS = ("raw.order_lines", "core.order_lines")
SINCE = {"is_simulated"}  # columns that came later
SHAPE = """
SELECT a.attrelid::regclass::text, a.attnum, a.attname, format_type(a.atttypid, a.atttypmod)
FROM pg_attribute AS a WHERE a.attrelid IN ('raw.order_lines'::regclass, 'core.order_lines'::regclass)
AND a.attnum > 0 AND NOT a.attisdropped
"""


@pytest.fixture
def lines_as_rows(pg_server: Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[psycopg.Connection]:
    """A warehouse in which each line of an order is a row, not migrated yet."""
    with warehouse_of(LINES, pg_server, monkeypatch) as conn:
        conn.execute(LINES_AS_ROWS)
        conn.commit()
        yield conn


def seen(conn: psycopg.Connection) -> dict[str, object]:
    """The lines, their columns by name and type, and who may read them."""
    shape = [(table, name, kind) for table, _, name, kind in conn.execute(SHAPE) if name not in SINCE]
    of = {table: [name for owner, name, _ in shape if owner == table] for table in VIEWS}
    readers = {
        (role, table)
        for role in ROLES for table in VIEWS
        if conn.execute("SELECT has_table_privilege('marketflow_' || %s, %s, 'SELECT')", [role, table]).fetchone() == (True,)
    }  # fmt: skip
    return {table: have(conn, table, of[table]) for table in VIEWS} | {"columns": set(shape), "readers": readers}


def test_lines_are_the_same_when_orders_have_become_rows(lines_as_rows: psycopg.Connection) -> None:
    before = seen(lines_as_rows)
    assert [len(before[table]) for table in VIEWS] == [15, 6]  # type: ignore[arg-type]
    migrate(lines_as_rows, NOW)
    assert seen(lines_as_rows) == before
    orders = lines_as_rows.execute("SELECT file_id, order_ref, first_no, line_count, amount, discount FROM raw.orders")
    assert sorted((*row[:4], float(row[4]), float(row[5])) for row in orders) == [
        (1, "a", 2, 3, 6, 0.5), (1, "b", 3, 2, 7, 0), (1, "c", 6, 1, 3, 0), (1, "c", 7, 1, 3, 0), (1, "d", 10, 1, 5, 0),
        (2, "a", 1, 3, 6, 0.5), (2, "d", 5, 1, 0, 0), (2, "r", 6, 1, -3.5, 0.25), (3, "b", 1, 1, 8, 0), (3, "e", 2, 1, 4, 0),
    ]  # fmt: skip


def test_the_loader_writes_orders_and_forgets_them(lines_as_rows: psycopg.Connection) -> None:
    migrate(lines_as_rows, NOW)
    lines_as_rows.execute("SET ROLE marketflow_loader")
    give(lines_as_rows, "raw.order_lines", [{"order_ref": "z", "product_ref": "p", "file_id": 9, "load_id": 9}])
    assert lines_as_rows.execute("SELECT count(*) FROM raw.order_lines WHERE load_id = 9").fetchone() == (1,)
    assert lines_as_rows.execute("DELETE FROM raw.orders WHERE load_id = 9").rowcount == 1


def test_marts_know_their_day_before_core_is_built_again(lines_as_rows: psycopg.Connection, clock: Clock) -> None:
    migrate(lines_as_rows, NOW)
    build_marts(lines_as_rows, clock=clock, force=True)
    known = dict(lines_as_rows.execute("SELECT table_name, data_as_of FROM ops.table_freshness").fetchall())
    assert known["marts.customer_days"] == known["marts.top_products"] == dt.date(2017, 6, 2)
    assert "core.order_lines" not in known


def test_what_waited_is_merged_and_what_is_known_stays(lines_as_rows: psycopg.Connection, clock: Clock) -> None:
    migrate(lines_as_rows, NOW)
    before = set(have(lines_as_rows, "core.order_lines", []))
    build_core(lines_as_rows, clock=clock, shop=SHOP)
    lines = "SELECT o.external_id, l.line_no, l.amount::float FROM core.order_lines AS l JOIN core.orders AS o USING (order_id) ORDER BY 1, 2"
    after = lines_as_rows.execute(lines).fetchall()
    assert after == [("a", 1, 1), ("a", 3, 2.5), ("a", 4, 2.5), ("b", 1, 8), ("e", 1, 4), ("r", 1, -3.5)]
    assert len(before & set(have(lines_as_rows, "core.order_lines", []))) == 4
    rebuilt = rebuild_warehouse(lines_as_rows, clock=clock, shop=SHOP)
    assert lines_as_rows.execute(lines).fetchall() == after
    assert rebuilt.rows_changed["core.orders"] == rebuilt.rows_changed["core.baskets"] == 0


def test_what_a_build_commits_meanwhile_is_not_lost(lines_as_rows: psycopg.Connection, pg_server: Server) -> None:
    waits = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation IN ('core.order_lines'::regclass, 'raw.order_lines'::regclass)"
    with connect(owner_dsn(pg_server, "warehouse_before")) as build:
        build.execute("INSERT INTO core.order_lines VALUES (3, 2, 2, -1, -1, 0, '2017-06-02')")
        upgrade = threading.Thread(target=migrate, args=(lines_as_rows, NOW))
        upgrade.start()
        deadline = time.monotonic() + 30
        while build.execute(waits).fetchone() == (0,):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        build.commit()
        upgrade.join(60)
    assert len(have(lines_as_rows, "core.order_lines", [])) == 7
