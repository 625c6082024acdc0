"""What is remarkable about well-formed records is loaded and noted, or held back and noted; never silently either."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from marketflow.shared import Clock, Shop
from marketflow.warehouse import build_core
from two_systems import deliver

SHOP = Shop(time_zone="America/New_York", country="US", locale="en-US", currency="USD")
GUEST, UNKNOWN, PRODUCT = "order of a guest", "customer without a record", "product not in the catalogue"


def line(order: str, **columns: Any) -> dict[str, Any]:
    return {"order_ref": order, "customer_ref": "c", "product_ref": "p", **columns}


def build(
    conn: psycopg.Connection, clock: Clock, number: int, *lines: dict[str, Any], system: str = "web"
) -> dict[str, Any]:
    """Load lines of a customer and a product that are known, and give what was found, by reason."""
    known = {"raw.customers": [{"customer_ref": "c"}], "raw.products": [{"product_ref": "p"}]}
    deliver(conn, number, {"system": system, "rows": {**known, "raw.order_lines": list(lines)}})
    build_core(conn, clock=clock, shop=SHOP)
    query = "SELECT reason, records, examples FROM ops.findings WHERE load_id = %s AND record = 'orders'"
    return {reason: (records, examples) for reason, records, examples in conn.execute(query, [number])}


def orders(conn: psycopg.Connection) -> set[str]:
    return {f"{s}:{o}" for s, o in conn.execute("SELECT source, external_id FROM core.orders")}


def test_nothing_to_say_about_a_plain_order(conn: psycopg.Connection, clock: Clock) -> None:
    assert build(conn, clock, 1, line("o")) == {}


def test_guests_strangers_and_unknown_products(conn: psycopg.Connection, clock: Clock) -> None:
    guests = [line(f"g{n}", customer_ref=None) for n in range(7)]
    found = build(
        conn, clock, 1, *guests, line("s", customer_ref="x"), line("u", product_ref="q"), line("v", product_ref="q")
    )
    assert found == {GUEST: (7, ["g0", "g1", "g2", "g3", "g4"]), UNKNOWN: (1, ["x"]), PRODUCT: (1, ["q"])}
    assert len(orders(conn)) == 10


@pytest.mark.parametrize(
    ("second", "reason"),
    [
        ({"currency": "EUR"}, "order in several currencies, held back"),
        ({"customer_ref": "d"}, "order of several customers, held back"),
    ],
)
def test_what_does_not_fit_together_is_held_back(
    conn: psycopg.Connection, clock: Clock, second: dict[str, Any], reason: str
) -> None:
    found = build(conn, clock, 1, line("o"), line("o", **second), line("fine"))
    assert found[reason] == (1, ["o"])
    assert orders(conn) == {"web:fine"}


def test_a_refund_larger_than_its_order(conn: psycopg.Connection, clock: Clock) -> None:
    refund = {"kind": "return", "quantity": -1, "original_order_ref": "o"}
    assert build(conn, clock, 1, line("o", amount=10), line("r", amount=-6, **refund)) == {}
    reason = "refund is larger than its order"
    assert build(conn, clock, 2, line("s", amount=-6, **refund)) == {reason: (1, ["s"])}
    assert orders(conn) == {"web:o", "web:r", "web:s"}
    assert build(conn, clock, 3, line("o", amount=11)) == {reason: (1, ["o"])}


def test_the_same_number_of_two_systems_is_two_orders(conn: psycopg.Connection, clock: Clock) -> None:
    build(conn, clock, 1, line("o"))
    assert build(conn, clock, 2, line("o"), line("n"), system="till") == {
        "another system has an order of this number": (1, ["o"])
    }
    assert orders(conn) == {"web:o", "till:o", "till:n"}


def test_no_exchange_rate(conn: psycopg.Connection, clock: Clock) -> None:
    assert build(conn, clock, 1, line("o", currency="EUR")) == {"no exchange rate": (1, ["o"])}
    assert conn.execute("SELECT revenue::text, base_revenue FROM core.orders").fetchall() == [("1.00", None)]


def test_an_order_in_two_files_of_one_load(conn: psycopg.Connection, clock: Clock) -> None:
    later = {"file_id": 7, "version_at": "2017-10-02T00:00:00Z"}
    found = build(conn, clock, 1, line("o", amount=1), line("o", amount=5, **later))
    assert found == {"order in several files of one load, the newest counts": (1, ["o"])}
    assert conn.execute("SELECT revenue::text FROM core.orders").fetchall() == [("5.00",)]
