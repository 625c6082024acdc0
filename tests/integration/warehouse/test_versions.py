"""Late, re-delivered, corrected and deleted records: the newest counts by the source's time, in whatever order it came."""

from __future__ import annotations

import itertools
import random
from typing import Any

import psycopg
import pytest

from checksums import table_checksums
from marketflow.shared import Clock, Shop
from marketflow.warehouse import build_core, build_marts
from table_rows import give
from two_systems import deliver, email, loads

SHOP = Shop(time_zone="America/New_York", country="US", locale="en-US", currency="USD")
# What a warehouse says, by the shop's own names: numbers of its own depend on who came first.
SAYS = {
    "orders": """SELECT o.source, o.external_id, o.ordered_on, o.revenue, o.base_revenue, o.kind, o.line_count, o.version_at,
        (SELECT jsonb_agg(jsonb_build_array(p.external_id, l.amount, l.quantity) ORDER BY l.line_no)
         FROM core.order_lines AS l JOIN core.products AS p USING (product_id) WHERE l.order_id = o.order_id),
        (SELECT array_agg(i.source || i.external_id ORDER BY i.source, i.external_id) FROM core.customer_identifiers AS i WHERE i.customer_id = o.customer_id)
        FROM core.orders AS o""",
    "people": """SELECT array_agg(i.source || ':' || i.external_id ORDER BY i.source, i.external_id), c.age_band, c.gender, c.is_deleted, c.given_name,
        encode(p.address_hash, 'hex'), encode(p.address, 'hex') = '', encode(s.address_hash, 'hex')
        FROM core.customers AS c JOIN core.customer_identifiers AS i USING (customer_id)
        LEFT JOIN core.current_addresses AS a USING (customer_id)
        LEFT JOIN core.contact_points AS p ON p.contact_point_id = a.contact_point_id
        LEFT JOIN core.contact_points AS s ON s.contact_point_id = a.sms_contact_point_id
        GROUP BY c.customer_id, p.contact_point_id, s.contact_point_id""",
    "customer_versions": "SELECT source, external_id, valid_from, valid_to, age_band, is_deleted FROM core.customer_versions",
    "product_versions": "SELECT source, external_id, valid_from, valid_to, product_name, list_price, is_deleted FROM core.product_versions",
    "products": "SELECT source, external_id, product_name, in_catalogue FROM core.products",
    "events": """SELECT e.event_id, e.occurred_on, e.event_type, e.properties,
        (SELECT array_agg(i.source || i.external_id ORDER BY i.source, i.external_id) FROM core.customer_identifiers AS i WHERE i.customer_id = e.customer_id)
        FROM core.events AS e""",
    # of an address that is gone there may be none: where the deletion came first, the address never did
    "consents": """SELECT encode(p.address_hash, 'hex'), p.channel, c.purpose, c.granted, c.changed_at
        FROM privacy.consents AS c JOIN core.contact_points AS p USING (contact_point_id) WHERE octet_length(p.address) > 0""",
    "rates": "SELECT currency, rate_on, rate, source FROM core.exchange_rates",
    "interactions": "SELECT external_id, status, is_deleted FROM core.interactions",
    "feedback": "SELECT external_id, body, is_deleted FROM core.feedback",
    "deleted": "SELECT source, external_id FROM core.deleted_orders",
}  # fmt: skip
ORDERS = random.Random(5).sample(list(itertools.permutations(range(5))), 8)


def says(conn: psycopg.Connection) -> set[str]:
    """What the warehouse says; a comparison shows the rows that differ."""
    return {f"{name}: {row}" for name, query in SAYS.items() for row in conn.execute(query)}


@pytest.fixture
def in_order(conn: psycopg.Connection, clock: Clock) -> set[str]:
    """What five loads give in the order of their making; the warehouse is as empty as before afterwards."""
    with conn.transaction(force_rollback=True):
        for number, load in enumerate(loads(), start=1):
            deliver(conn, number, load)
            build_core(conn, clock=clock, shop=SHOP)
        return says(conn)


@pytest.mark.parametrize("order", ORDERS, ids=lambda order: "".join(str(n + 1) for n in order))
def test_the_order_of_the_loads_does_not_matter(
    conn: psycopg.Connection, clock: Clock, in_order: set[str], order: tuple[int, ...]
) -> None:
    made = loads()
    for place in order:
        deliver(conn, place + 1, made[place])
        build_core(conn, clock=clock, shop=SHOP)
    assert says(conn) == in_order


def test_all_at_once_is_as_one_after_the_other(conn: psycopg.Connection, clock: Clock, in_order: set[str]) -> None:
    for number, load in enumerate(loads(), start=1):
        deliver(conn, number, load)
    build_core(conn, clock=clock, shop=SHOP)
    assert says(conn) == in_order


def test_the_same_again_changes_nothing_and_touches_nobody(conn: psycopg.Connection, clock: Clock) -> None:
    first = loads()[0]
    deliver(conn, 1, first)
    build_core(conn, clock=clock, shop=SHOP)
    build_marts(conn, clock=clock)
    before = table_checksums(conn, ["marts"])
    lines = table_checksums(conn, ["core"])["core.baskets"]
    (newest,) = conn.execute("SELECT max(change_id) FROM ops.pending_changes").fetchone() or (0,)
    again = {**first, "rows": {t: rows for t, rows in first["rows"].items() if t != "raw.events"}}
    deliver(conn, 2, again)
    done = build_core(conn, clock=clock, shop=SHOP)
    assert done.rows_changed["core.baskets"] == 0
    assert done.rows_changed["core.customers"] == 0
    assert conn.execute("SELECT entity, key FROM ops.pending_changes WHERE change_id > %s", [newest]).fetchall() == []
    assert conn.execute("SELECT DISTINCT file_id FROM core.orders").fetchall() == [(2,)]
    assert conn.execute("SELECT count(*), count(DISTINCT confirmed_at) FROM core.customer_versions").fetchone() == (
        6,
        1,
    )
    build_marts(conn, clock=clock, force=True)
    assert table_checksums(conn, ["marts"]) == before
    assert table_checksums(conn, ["core"])["core.baskets"] == lines


def test_identical_lines_stay_and_a_return_lowers_its_own_day(conn: psycopg.Connection, clock: Clock) -> None:
    line = {"order_ref": "a", "product_ref": "p", "amount": 4, "ordered_at": "2017-03-01T12:00:00Z"}
    back = {**line, "order_ref": "b", "kind": "return", "amount": -4, "quantity": -1, "original_order_ref": "a"}
    other = {**line, "order_ref": "c", "amount": 10, "ordered_at": "2017-03-05T12:00:00Z"}
    deliver(
        conn,
        1,
        {
            "system": "web",
            "rows": {"raw.order_lines": [line, line, {**back, "ordered_at": "2017-03-05T12:00:00Z"}, other]},
        },
    )
    build_core(conn, clock=clock, shop=SHOP)
    build_marts(conn, clock=clock)
    query = "SELECT ordered_on::text, orders, order_lines, revenue::text, given_back::text FROM marts.revenue_daily ORDER BY 1"
    assert conn.execute(query).fetchall() == [
        ("2017-03-01", 1, 2, "8.00", "0.00"),
        ("2017-03-05", 1, 1, "6.00", "4.00"),
    ]


def test_a_deleted_customer_is_forgotten_and_cannot_be_written_to(conn: psycopg.Connection, clock: Clock) -> None:
    person = {"customer_ref": "1", "given_name": "\\xaa", "birth_date": "\\xbb", "email_consent": True, **email(1)}
    buys = {"order_ref": "o", "customer_ref": "1", "product_ref": "p"}
    rows: dict[str, Any] = {
        "raw.customers": [{**person, "consent_at": "2016-01-01T00:00:00Z"}],
        "raw.order_lines": [buys],
        "raw.contacts": [{"customer_ref": "1", **email(2)}],
    }
    deliver(conn, 1, {"system": "web", "rows": rows})
    build_core(conn, clock=clock, shop=SHOP)
    build_marts(conn, clock=clock)
    contactable = "SELECT count(*) FROM marts.customer_360 WHERE email_contact_point_id IS NOT NULL AND email_consent"
    assert conn.execute(contactable).fetchone() == (1,)
    give(conn, "activation.plans", [{"plan_id": 1}])
    give(conn, "activation.sends", [{"send_id": 1, "message_id": "m", "contact_point_id": 1, "customer_id": 1}])
    deliver(conn, 3, {"system": "web", "rows": {"raw.customers": [{"customer_ref": "1", "is_deleted": True}]}})
    build_core(conn, clock=clock, shop=SHOP)
    deliver(conn, 2, {"system": "web", "rows": rows})  # an older file that comes late
    build_core(conn, clock=clock, shop=SHOP)
    build_marts(conn, clock=clock)
    assert conn.execute(contactable).fetchone() == (0,)
    assert conn.execute("SELECT count(*) FROM marts.customer_360").fetchone() == (1,)
    personal = """
    SELECT (SELECT count(*) FROM core.customers WHERE given_name IS NOT NULL OR birth_date IS NOT NULL)
        + (SELECT count(*) FROM core.customer_versions WHERE given_name IS NOT NULL OR birth_date IS NOT NULL OR email_hash IS NOT NULL)
        + (SELECT count(*) FROM core.contact_points WHERE octet_length(address) > 0)
        + (SELECT count(*) FROM core.customer_keys) + (SELECT count(*) FROM core.contacts WHERE NOT is_deleted)
    """
    assert conn.execute(personal).fetchone() == (0,)
    assert conn.execute("SELECT count(*) FROM core.orders WHERE customer_id = 1").fetchone() == (1,)
    assert conn.execute("SELECT bool_or(granted) FROM privacy.consents").fetchone() == (False,)


def test_repaired_lines_join_the_order_that_they_were_taken_from(conn: psycopg.Connection, clock: Clock) -> None:
    lines = [{"order_ref": "o", "product_ref": f"p{n}", "amount": n, "record_no": n} for n in (1, 2, 3)]
    deliver(conn, 1, {"system": "web", "rows": {"raw.order_lines": [lines[0], lines[2]]}})
    build_core(conn, clock=clock, shop=SHOP)
    give(conn, "ops.loads", [{"load_id": 2, "system": "web", "kind": "replay"}])
    give(conn, "raw.order_lines", [{**lines[1], "load_id": 2, "file_id": 1, "version_at": "2017-10-01T00:00:00Z"}])
    build_core(conn, clock=clock, shop=SHOP)
    whole = ("6.00", 3, 3)
    query = "SELECT o.revenue::text, o.line_count, (SELECT count(*) FROM core.order_lines) FROM core.orders AS o"
    assert conn.execute(query).fetchall() == [whole]
    conn.execute("DELETE FROM raw.orders WHERE load_id = 1")
    give(conn, "ops.loads", [{"load_id": 3, "system": "web", "kind": "replay"}])
    give(
        conn,
        "raw.order_lines",
        [{**lines[1], "record_no": 4, "load_id": 3, "file_id": 1, "version_at": "2017-10-01T00:00:00Z"}],
    )
    build_core(conn, clock=clock, shop=SHOP)
    assert conn.execute(query).fetchall() == [whole]  # raw does not hold the others any more
    found = conn.execute(
        "SELECT reason, examples FROM ops.findings WHERE load_id = 3 AND reason LIKE 'repaired%'"
    ).fetchone()
    assert found == ("repaired lines of an order whose other lines raw holds no longer, held back", ["o"])
