"""One person in two systems is one customer, by exact keys; what is joined is recorded and explained, the ledger stays."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from checksums import table_checksums
from marketflow.shared import Clock, Shop
from marketflow.warehouse import build_core, build_marts
from table_rows import give
from two_systems import deliver, email, phone

SHOP = Shop(time_zone="America/New_York", country="US", locale="en-US", currency="USD")
LOYALTY = {"loyalty_hash": "\\x77"}


@pytest.fixture
def build(conn: psycopg.Connection, clock: Clock) -> Any:
    """Deliver records of customers, and further rows, as a load of a system, and build core."""
    numbers = iter(range(1, 20))

    def run(system: str, *customers: dict[str, Any], **rows: list[dict[str, Any]]) -> dict[str, Any]:
        tables = {f"raw.{name}": given for name, given in rows.items()}
        deliver(conn, next(numbers), {"system": system, "rows": {"raw.customers": list(customers), **tables}})
        return build_core(conn, clock=clock, shop=SHOP).rows_changed

    return run


def people(conn: psycopg.Connection) -> dict[str, int]:
    return {
        f"{s}:{n}": c
        for s, n, c in conn.execute("SELECT source, external_id, customer_id FROM core.customer_identifiers")
    }


def found(conn: psycopg.Connection) -> list[tuple[str, int, list[str]]]:
    query = "SELECT reason, records, examples FROM ops.findings WHERE record = 'customers' ORDER BY reason"
    return conn.execute(query).fetchall()


@pytest.mark.parametrize("key", [email(1), phone(1), LOYALTY], ids=["email", "phone", "loyalty"])
def test_a_new_number_with_a_known_key_is_the_known_customer(conn: psycopg.Connection, build: Any, key: Any) -> None:
    build("web", {"customer_ref": "1", **key}, {"customer_ref": "2", **email(2)})
    build("till", {"customer_ref": "A", **key}, {"customer_ref": "B", **email(3)})
    assert people(conn) == {"web:1": 1, "web:2": 2, "till:A": 1, "till:B": 3}
    joined = conn.execute("SELECT joined_by FROM core.customer_identifiers WHERE external_id = 'A'").fetchone()
    assert joined == ({"email_hash": "email", "phone_hash": "phone"}.get(list(key)[-1], "loyalty"),)
    assert conn.execute("SELECT count(*) FROM core.customer_merges").fetchone() == (0,)


def test_a_key_that_comes_later_joins_two_customers_and_leaves_the_ledger(
    conn: psycopg.Connection, build: Any, clock: Clock
) -> None:
    order = {"order_ref": "o", "product_ref": "p", "ordered_at": "2017-03-01T12:00:00Z"}
    build("web", {"customer_ref": "1", **email(1)}, order_lines=[{**order, "customer_ref": "1"}])
    build("till", {"customer_ref": "A", **phone(5), **email(5)}, order_lines=[{**order, "customer_ref": "A"}])
    build_marts(conn, clock=clock)
    assert people(conn) == {"web:1": 1, "till:A": 2}
    points = conn.execute(
        "SELECT contact_point_id FROM core.contact_points WHERE customer_id = 2 ORDER BY 1"
    ).fetchall()
    give(conn, "activation.plans", [{"plan_id": 1}])
    give(
        conn,
        "activation.plan_members",
        [{"plan_id": 1, "customer_id": 2, "contact_point_id": points[0][0], "outcome": "planned", "occasion": "o"}],
    )
    give(
        conn,
        "activation.sends",
        [{"send_id": 1, "message_id": "m", "contact_point_id": points[0][0], "customer_id": 2}],
    )
    ledger = table_checksums(conn, ["activation"])
    build("web", {"customer_ref": "1", **email(1), **phone(5), "is_deleted": False})
    assert people(conn) == {"web:1": 1, "till:A": 1}
    merges = conn.execute(
        "SELECT kept_customer_id, merged_customer_id, key_kind, reason FROM core.customer_merges"
    ).fetchall()
    assert merges == [(1, 2, "phone", "Customer A of till and customer 1 of web have the same telephone number.")]
    assert conn.execute("SELECT merged_into FROM core.customers ORDER BY customer_id").fetchall() == [(None,), (1,)]
    for table in ("contact_points", "orders", "customer_keys", "current_addresses"):
        query = psycopg.sql.SQL("SELECT DISTINCT customer_id FROM core.{}").format(psycopg.sql.Identifier(table))
        assert conn.execute(query).fetchall() == [(1,)]
    build_marts(conn, clock=clock)
    assert conn.execute("SELECT customer_id, orders FROM marts.customer_360").fetchall() == [(1, 2)]
    assert conn.execute("SELECT customer_id, orders FROM marts.customer_days").fetchall() == [(1, 2)]
    assert conn.execute("SELECT customers FROM marts.revenue_daily").fetchall() == [(1,)]
    assert table_checksums(conn, ["activation"]) == ledger
    build("till", {"customer_ref": "A", **phone(5)}, order_lines=[{**order, "order_ref": "n", "customer_ref": "A"}])
    assert conn.execute("SELECT count(*) FROM core.orders WHERE customer_id = 1").fetchone() == (3,)


def test_families_stay_apart(conn: psycopg.Connection, build: Any) -> None:
    build("web", {"customer_ref": "1", **email(1)}, {"customer_ref": "2", **email(1)})
    assert len(set(people(conn).values())) == 2
    build("till", {"customer_ref": "A", **email(1)}, {"customer_ref": "B", **email(1), **LOYALTY})
    assert len(set(people(conn).values())) == 4
    assert found(conn) == [
        ("two customers of one system have the same e-mail address; they stay two", 2, ["1", "2"]),
        ("two customers of one system have the same e-mail address; they stay two", 2, ["A", "B"]),
    ]
    build("web", {"customer_ref": "2", **email(1), **LOYALTY})  # but a loyalty number tells who is who
    assert people(conn)["web:2"] == people(conn)["till:B"]


def test_a_customer_never_gets_two_numbers_of_one_system(conn: psycopg.Connection, build: Any) -> None:
    build("web", {"customer_ref": "1", **email(1)}, {"customer_ref": "2", **phone(2)})
    build("till", {"customer_ref": "A", **email(1), **phone(2)})
    assert people(conn) == {"web:1": 1, "web:2": 2, "till:A": 1}  # the address is stronger than the telephone number
    assert found(conn) == [
        ("one telephone number would give a customer two numbers of one system; not joined", 1, ["A"])
    ]


def test_a_contact_brings_a_key_too(conn: psycopg.Connection, build: Any) -> None:
    build("web", {"customer_ref": "1", **email(1)})
    build("crm", contacts=[{"customer_ref": "X", **email(1), "label": "work"}])
    assert people(conn) == {"web:1": 1, "crm:X": 1}


def test_three_systems_in_a_chain(conn: psycopg.Connection, build: Any) -> None:
    build("web", {"customer_ref": "1", **email(1)})
    build("crm", {"customer_ref": "X", **phone(9)})
    build("till", {"customer_ref": "A", **email(1), **phone(9)})
    assert people(conn) == {"web:1": 1, "crm:X": 1, "till:A": 1}
    assert conn.execute("SELECT kept_customer_id, merged_customer_id FROM core.customer_merges").fetchall() == [(1, 2)]


def test_a_number_that_looks_like_a_browser_is_a_number(conn: psycopg.Connection, build: Any) -> None:
    build("web", {"customer_ref": "1", **email(1)}, {"customer_ref": "anonymous:zz", **phone(5)})
    build("till", {"customer_ref": "T", **email(1), **phone(5)})
    assert people(conn) == {"web:1": 1, "web:anonymous:zz": 2, "till:T": 1}


def test_customers_who_became_another_one_follow_a_later_merge(conn: psycopg.Connection, build: Any) -> None:
    build("crm", {"customer_ref": "X", **email(3)})
    build("web", {"customer_ref": "1", **email(1)})
    build("till", {"customer_ref": "A", **email(2)})
    build("till", {"customer_ref": "A", **email(2), **LOYALTY})
    build("web", {"customer_ref": "1", **email(1), **LOYALTY})
    assert conn.execute("SELECT merged_into FROM core.customers ORDER BY customer_id").fetchall() == [
        (None,),
        (None,),
        (2,),
    ]
    build("crm", {"customer_ref": "X", **email(3), **LOYALTY})
    assert conn.execute("SELECT merged_into FROM core.customers ORDER BY customer_id").fetchall() == [
        (None,),
        (1,),
        (1,),
    ]


@pytest.mark.parametrize("order", [(1, 3, 5), (1, 5, 3), (5, 1, 3)])
def test_a_forgotten_key_joins_nobody(conn: psycopg.Connection, clock: Clock, order: tuple[int, ...]) -> None:
    """She was there, was deleted, and came back with another address, in whatever order that is delivered."""
    rows = {
        1: {"customer_ref": "1", **email(1), **LOYALTY},
        3: {"customer_ref": "1", "is_deleted": True},
        5: {"customer_ref": "1", **email(7)},
    }
    for number in order:
        deliver(conn, number, {"system": "web", "rows": {"raw.customers": [rows[number]]}})
        build_core(conn, clock=clock, shop=SHOP)
    keys = conn.execute("SELECT key_kind, encode(key_hash, 'hex') FROM core.customer_keys").fetchall()
    assert keys == [("email", f"{7:064x}")]
    deliver(conn, 6, {"system": "till", "rows": {"raw.customers": [{"customer_ref": "T", **email(1)}]}})
    build_core(conn, clock=clock, shop=SHOP)
    assert people(conn) == {"web:1": 1, "till:T": 2}
