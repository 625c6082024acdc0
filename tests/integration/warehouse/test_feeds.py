"""Several sources of one system bring the same customer or product, each with the columns that it knows."""

from __future__ import annotations

import itertools
import random
from typing import Any

import psycopg
import pytest

from checksums import table_checksums
from marketflow.shared import Clock, Shop
from marketflow.warehouse import build_core, rebuild_warehouse
from two_systems import deliver, email, phone

SHOP = Shop(time_zone="America/New_York", country="US", locale="en-US", currency="USD")
ADA = {"customer_ref": "1", "given_name": "\\xad", "given_name_hash": "\\xa1", "age_band": "25-34", **email(1)}
# A flat export's customer: what it does not have is absent in the columns too that the defaults of tests fill.
FLAT = {"customer_ref": "1", "country": "GB", "locale": None, "time_zone": None, "is_simulated": False}
SAID = {**FLAT, "country": None, "is_partial": True}
ADDRESS = """
SELECT encode(c.given_name, 'hex'), c.age_band, c.country, c.is_deleted, encode(p.address_hash, 'hex'), encode(s.address_hash, 'hex')
FROM core.customers AS c
LEFT JOIN core.current_addresses AS a USING (customer_id)
LEFT JOIN core.contact_points AS p ON p.contact_point_id = a.contact_point_id
LEFT JOIN core.contact_points AS s ON s.contact_point_id = a.sms_contact_point_id
"""
Load = tuple[int, str, dict[str, Any]]  # of which day, by which feed, a customer's record


class Shelf:
    """Loads of the system `shop`, one after the other."""

    def __init__(self, conn: psycopg.Connection, clock: Clock) -> None:
        self.conn, self.clock, self.count = conn, clock, 0

    def bring(self, *loads: Load, table: str = "raw.customers") -> None:
        """These in one build."""
        for day, feed, row in loads:
            self.count += 1
            rows = {table: [{"version_at": f"2017-10-{day:02d}T00:00:00Z", **row}]}
            deliver(self.conn, self.count, {"system": "shop", "source": feed, "rows": rows})
        build_core(self.conn, clock=self.clock, shop=SHOP)

    def person(self) -> dict[str, Any]:
        """The one customer: name, age band, country, whether deleted, and the numbers of mail and telephone address."""
        [(name, age, country, is_deleted, *hashes)] = self.conn.execute(ADDRESS).fetchall()
        mail, sms = (int(h, 16) if h else None for h in hashes)
        sms = sms and sms - 4096  # see two_systems.phone
        return {"name": name, "age": age, "country": country, "deleted": is_deleted, "mail": mail, "sms": sms}

    def product(self, *columns: str) -> tuple[Any, ...]:
        names = psycopg.sql.SQL(", ").join(map(psycopg.sql.Identifier, columns))
        [row] = self.conn.execute(psycopg.sql.SQL("SELECT {} FROM core.products").format(names)).fetchall()
        return row


@pytest.fixture
def shelf(conn: psycopg.Connection, clock: Clock) -> Shelf:
    return Shelf(conn, clock)


def whole(**more: Any) -> dict[str, Any]:
    return {"name": "ad", "age": "25-34", "country": "GB", "deleted": False, "mail": 1, "sms": None} | more


def test_a_flat_export_takes_nothing_away(shelf: Shelf) -> None:
    shelf.bring((1, "customers", ADA))
    shelf.bring((2, "web_shop", FLAT))
    assert shelf.person() == whole()
    shelf.bring((3, "customers", {**ADA, "age_band": None}))
    assert shelf.person() == whole(age=None, country="US"), "a source's own record is replaced as a whole"


def test_a_source_that_drops_its_address_ends_it(shelf: Shelf) -> None:
    """Whichever was first: the flat export has never had an address, and has no say in it."""
    dropped = {**ADA, "email": None, "email_hash": None}
    shelf.bring((1, "customers", ADA))
    shelf.bring((2, "customers", dropped))
    shelf.bring((3, "web_shop", FLAT))
    assert shelf.person() == whole(mail=None)
    shelf.bring((4, "collector", {**SAID, **email(2)}))
    assert shelf.person()["mail"] == 2
    shelf.bring((5, "customers", {**dropped, "age_band": "35-44"}))
    assert shelf.person()["mail"] == 2, "another change is no new word about the address"
    shelf.bring((6, "customers", {**dropped, "age_band": "35-44", "email_refusal": "bad_address"}))
    assert shelf.person()["mail"] is None, "an address that cannot be used is a word about it"
    assert shelf.conn.execute("SELECT count(*) FROM core.contact_points").fetchone() == (2,)


@pytest.mark.parametrize("at_once", [True, False])
def test_what_was_said_one_after_the_other_is_known_together(shelf: Shelf, at_once: bool) -> None:
    calls: list[Load] = [
        (2, "collector", {**SAID, **email(2)}),
        (3, "collector", {**SAID, **phone(3)}),
        (4, "collector", {**SAID, "country": "FR"}),
    ]
    shelf.bring((1, "customers", ADA))
    for loads in [calls] if at_once else [[call] for call in calls]:
        shelf.bring(*loads)
    assert shelf.person() == whole(country="FR", mail=2, sms=3)
    shelf.bring((5, "collector", {**SAID, **email(2)}), (6, "collector", {**SAID, **phone(3)}))
    versions = "SELECT count(*), max(confirmed_at) = '2017-10-06Z' FROM core.customer_versions WHERE feed = 'collector'"
    assert shelf.conn.execute(versions).fetchone() == (3, True), "said again: confirmed, no new version"


def test_calls_of_the_same_instant_complete_each_other(shelf: Shelf) -> None:
    rows = [{**SAID, **email(2)}, {**SAID, **phone(3)}, {**SAID, "country": "FR"}]
    shelf.bring(*((1, "collector", row) for row in rows))
    assert shelf.person() == whole(name=None, age=None, country="FR", mail=2, sms=3)


def test_a_call_that_comes_late_completes_the_later_ones(shelf: Shelf) -> None:
    shelf.bring((3, "collector", {**SAID, "given_name": "\\xad", "given_name_hash": "\\xa1"}))
    shelf.bring((2, "collector", {**SAID, **email(2)}))
    assert shelf.person() == whole(age=None, country="US", mail=2)


def test_a_bad_address_in_a_call_ends_the_good_one(shelf: Shelf) -> None:
    shelf.bring((1, "collector", {**SAID, **email(2)}))
    shelf.bring((2, "collector", {**SAID, "email_refusal": "bad_address"}))
    shelf.bring((3, "collector", {**SAID, "country": "FR"}))
    assert (shelf.person()["mail"], shelf.person()["country"]) == (None, "FR")


HISTORY: list[Load] = [
    (1, "collector", {**SAID, **email(2), "given_name": "\\xbb", "given_name_hash": "\\xb1"}),
    (2, "customers", ADA),
    (3, "web_shop", FLAT),
    (4, "customers", {"customer_ref": "1", "is_deleted": True}),
]
ORDERS = random.Random(5).sample(list(itertools.permutations(HISTORY)), 8)


@pytest.mark.parametrize(
    "order", [*ORDERS, [HISTORY]], ids=lambda o: "".join(str(load[0]) for load in o) if len(o) > 1 else "1"
)
def test_a_deletion_by_one_feed_is_the_customers(shelf: Shelf, order: Any) -> None:
    if len(order) == 1:
        shelf.bring(*order[0])
    for load in order if len(order) > 1 else ():
        shelf.bring(load)
    nobody = {"name": None, "age": None, "country": "US", "deleted": True, "mail": None, "sms": None}
    assert shelf.person() == nobody
    personal = """
    SELECT (SELECT count(*) FROM core.customer_versions WHERE given_name IS NOT NULL OR email_hash IS NOT NULL)
        + (SELECT count(*) FROM core.contact_points WHERE octet_length(address) > 0) + (SELECT count(*) FROM core.customer_keys)
    """
    assert shelf.conn.execute(personal).fetchone() == (0,)
    shelf.bring((5, "collector", {**SAID, **email(7)}))
    assert shelf.person() == {**nobody, "deleted": False, "mail": 7}, (
        "who says something again is back, with that alone"
    )


def test_a_return_that_is_known_before_the_deletion_stays(shelf: Shelf) -> None:
    shelf.bring((1, "customers", ADA))
    shelf.bring((5, "web_shop", FLAT))
    shelf.bring((3, "customers", {"customer_ref": "1", "is_deleted": True}))
    assert shelf.person() == whole(name=None, age=None, mail=None)
    shelf.bring((2, "collector", {**SAID, **email(2)}))
    assert shelf.person() == whole(name=None, age=None, mail=None), "older than the deletion"


def test_a_rebuild_gives_the_same(shelf: Shelf) -> None:
    shelf.bring(*HISTORY[:3])
    shelf.bring((3, "collector", {**SAID, **phone(3)}))
    shelf.bring(HISTORY[3], (5, "collector", {**SAID, **phone(4)}), (6, "collector", {**SAID, "gender": "f"}))
    before = table_checksums(shelf.conn, ["core", "privacy"])
    rebuild_warehouse(shelf.conn, clock=shelf.clock, shop=SHOP)
    assert table_checksums(shelf.conn, ["core", "privacy"]) == before
    shelf.conn.execute("UPDATE core.customer_versions SET gender = 'x', country = 'XX'")
    rebuild_warehouse(shelf.conn, clock=shelf.clock, shop=SHOP)
    assert table_checksums(shelf.conn, ["core", "privacy"]) == before
    shelf.conn.execute("DELETE FROM raw.customers")
    rebuild_warehouse(shelf.conn, clock=shelf.clock, shop=SHOP)
    assert table_checksums(shelf.conn, ["core", "privacy"]) == before


def test_products_of_a_catalogue_and_of_a_flat_export(shelf: Shelf) -> None:
    thing = {"product_ref": "p", "product_name": "Thing", "department": "TOYS", "list_price": 9, "currency": "EUR"}
    flat = {"product_ref": "p", "product_name": "THING", "department": None, "list_price": 8, "currency": None}
    columns = ("product_name", "department", "list_price", "currency", "in_catalogue")

    def bring(*loads: Load) -> list[Any]:
        shelf.bring(*loads, table="raw.products")
        return [str(value) for value in shelf.product(*columns)]

    assert bring((1, "products", thing), (2, "web_shop", flat)) == ["THING", "TOYS", "8.00", "None", "True"]
    newer = {**thing, "product_name": "Thing II"}
    assert bring((3, "products", newer)) == ["Thing II", "TOYS", "9.00", "EUR", "True"]
    gone = {"product_ref": "p", "department": None, "is_deleted": True}
    assert bring((4, "products", gone)) == ["THING", "TOYS", "8.00", "None", "True"], "the other feed has it still"
    assert bring((5, "web_shop", gone)) == ["THING", "TOYS", "8.00", "None", "False"]
