"""What was deleted stays forgotten, and a no stays a no: at other addresses, after a merge, whatever comes late."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from checksums import table_checksums
from marketflow.shared import Clock, Shop
from marketflow.warehouse import build_core, queries, rebuild_warehouse
from table_rows import give
from two_systems import deliver, email, phone

SHOP = Shop(time_zone="America/New_York", country="US", locale="en-US", currency="USD")
LOYALTY = {"loyalty_hash": "\\xaa"}
YES = {"email_consent": True, "consent_at": "2016-01-01T00:00:00Z"}
GONE = {"customer_ref": "1", "is_deleted": True}
TOKEN = "00000000-0000-0000-0000-000000000001"


class Shelf:
    """Loads of several systems; a load is of the day of its number."""

    def __init__(self, conn: psycopg.Connection, clock: Clock) -> None:
        self.conn, self.clock = conn, clock

    def bring(self, number: int, *customers: dict[str, Any], system: str = "web", **rows: list[dict[str, Any]]) -> None:
        tables = {f"raw.{name}": given for name, given in rows.items()}
        deliver(self.conn, number, {"system": system, "rows": {"raw.customers": list(customers), **tables}})
        build_core(self.conn, clock=self.clock, shop=SHOP)

    def rebuild(self) -> None:
        rebuild_warehouse(self.conn, clock=self.clock, shop=SHOP)

    def addresses(self) -> dict[int, bool]:
        """By number of the address, whether it is still there."""
        query = "SELECT encode(address_hash, 'hex'), octet_length(address) > 0 FROM core.contact_points"
        return {int(number, 16): there for number, there in self.conn.execute(query)}

    def answers(self) -> dict[int, bool]:
        """By number of the address, what counts for marketing."""
        query = "SELECT encode(p.address_hash, 'hex'), c.granted FROM privacy.consents AS c JOIN core.contact_points AS p USING (contact_point_id) WHERE c.purpose = 'marketing'"
        return {int(number, 16): granted for number, granted in self.conn.execute(query)}

    def current(self) -> list[int | None]:
        """The numbers of the customers' addresses."""
        query = "SELECT encode(p.address_hash, 'hex') FROM core.current_addresses LEFT JOIN core.contact_points AS p USING (contact_point_id) ORDER BY current_addresses.customer_id"
        return [int(number, 16) if number else None for (number,) in self.conn.execute(query)]

    def count(self, what: str) -> int:
        return len(self.conn.execute(psycopg.sql.SQL("SELECT FROM {}").format(psycopg.sql.SQL(what))).fetchall())


@pytest.fixture
def shelf(conn: psycopg.Connection, clock: Clock) -> Shelf:
    return Shelf(conn, clock)


def person(number: int = 1, **more: Any) -> dict[str, Any]:
    return {"customer_ref": "1", **email(number), **more}


def contact(**more: Any) -> dict[str, Any]:
    return {"customer_ref": "1", **email(1), **more}


def unsubscribe(conn: psycopg.Connection, at: str, number: int = 1) -> None:
    """As the edge does it."""
    conn.execute(
        """INSERT INTO privacy.consent_events (consent_event_id, contact_point_id, channel, purpose, granted, occurred_at, recorded_at, how, send_id)
        SELECT gen_random_uuid(), contact_point_id, 'email', 'marketing', false, %(at)s, %(at)s, 'unsubscribe link', 1
        FROM core.contact_points WHERE address_hash = decode(%(hash)s, 'hex')""",
        {"at": at, "hash": f"{number:064x}"},
    )
    conn.execute(
        """UPDATE privacy.consents SET granted = false, changed_at = %s
        WHERE contact_point_id IN (SELECT contact_point_id FROM privacy.consent_events WHERE how = 'unsubscribe link')""",
        [at],
    )


# --- a no stays a no


@pytest.mark.parametrize("named", [True, False], ids=["by the customer's number", "by the address"])
def test_a_yes_of_the_future_does_not_outlive_an_unsubscription(shelf: Shelf, named: bool) -> None:
    answer = {"answered_at": "2099-01-01T00:00:00Z", **({"customer_ref": "1"} if named else email(1))}
    shelf.bring(1, person(), consents=[answer])
    assert shelf.answers() == {1: True}
    unsubscribe(shelf.conn, "2018-01-02T13:00:00Z")
    give(shelf.conn, "ops.loads", [{"load_id": 2, "system": "web", "started_at": "2018-01-03T12:00:00Z"}])
    give(shelf.conn, "raw.consents", [{**answer, "load_id": 2, "file_id": 2}])
    build_core(shelf.conn, clock=shelf.clock, shop=SHOP)
    assert shelf.answers() == {1: False}
    shelf.rebuild()
    assert shelf.answers() == {1: False}


def test_a_no_at_an_old_address_counts_for_the_one_she_has(shelf: Shelf) -> None:
    shelf.bring(1, person(1, **YES))
    shelf.bring(2, person(2, **YES))
    no = {"customer_ref": "1", **email(1), "granted": False, "answered_at": "2017-06-01T00:00:00Z"}
    shelf.bring(3, consents=[no])
    assert shelf.answers() == {1: False, 2: False}
    shelf.bring(4, consents=[{**email(2), "answered_at": "2017-07-01T00:00:00Z"}])
    assert shelf.answers()[2] is True, "a newer yes counts"
    shelf.bring(5, person(3, **YES))
    assert shelf.answers()[3] is False, "an older one not, wherever she moves"


@pytest.mark.parametrize("late", [True, False], ids=["after the move", "before the move"])
def test_a_link_in_an_old_message_counts_for_the_new_address(shelf: Shelf, late: bool) -> None:
    shelf.bring(1, person(1, **YES))
    now = shelf.clock.now().isoformat()
    if not late:
        unsubscribe(shelf.conn, now)
    shelf.bring(2, person(2, **YES))
    if late:
        unsubscribe(shelf.conn, now)
        shelf.bring(3, {"customer_ref": "2"})  # any other build
    assert shelf.answers() == {1: False, 2: False}


def test_a_merge_carries_the_no(shelf: Shelf) -> None:
    no = {"email_consent": False, "consent_at": "2017-06-01T00:00:00Z"}
    shelf.bring(1, person(1, **no))
    shelf.bring(2, {"customer_ref": "T", **email(2), **YES, **LOYALTY}, system="till")
    assert shelf.answers() == {1: False, 2: True}
    shelf.bring(3, person(1, **LOYALTY))
    assert shelf.count("core.customer_merges") == 1
    [address] = shelf.current()
    assert shelf.answers()[address or 0] is False
    assert shelf.answers()[2] is False


def test_a_deletion_in_one_system_is_no_answer_to_the_other(shelf: Shelf) -> None:
    shelf.bring(1, person(1, **YES, **LOYALTY))
    shelf.bring(2, {"customer_ref": "T", **email(2), **YES, **LOYALTY}, system="till")
    shelf.bring(3, GONE)
    assert shelf.answers() == {1: False, 2: True}
    assert shelf.addresses() == {1: False, 2: True}
    shelf.bring(4, {"customer_ref": "T", **email(2), **LOYALTY, "gender": "f"}, system="till")
    assert shelf.answers() == {1: False, 2: True}


# --- what was deleted does not come back


def test_an_answer_from_before_brings_no_deleted_address_back(shelf: Shelf) -> None:
    shelf.bring(1, person())
    shelf.bring(3, GONE)
    old = {"answered_at": "2016-01-01T00:00:00Z", **email(1)}
    shelf.bring(4, consents=[{"customer_ref": "1", **old}])
    shelf.bring(5, consents=[old])
    assert shelf.addresses() == {1: False}
    assert shelf.answers() == {1: False}
    shelf.bring(6, consents=[{**old, "answered_at": "2017-12-01T00:00:00Z"}])
    assert shelf.addresses() == {1: True}, "who subscribes afterwards is there again"
    assert shelf.answers() == {1: True}


@pytest.mark.parametrize("known", [True, False], ids=["known before", "deleted first"])
def test_a_deleted_contact_does_not_come_back_with_a_late_file(shelf: Shelf, known: bool) -> None:
    if known:
        shelf.bring(1, contacts=[contact()])
    shelf.bring(3, contacts=[contact(is_deleted=True)])
    shelf.bring(2, contacts=[contact()])
    assert True not in shelf.addresses().values()
    assert shelf.count("core.customer_keys") == 0
    assert shelf.current() == [None]
    shelf.bring(5, contacts=[contact()])
    assert (shelf.addresses(), shelf.current()) == ({1: True}, [1])


def test_a_deleted_contact_does_not_come_back_with_a_rebuild(shelf: Shelf) -> None:
    shelf.bring(1, contacts=[contact(), {"customer_ref": "1", **phone(1)}])
    shelf.bring(3, contacts=[contact(is_deleted=True)])
    before = table_checksums(shelf.conn, ["core", "privacy"])
    assert shelf.count("core.customer_keys") == 1
    shelf.conn.execute("DELETE FROM raw.contacts WHERE load_id = 3")
    shelf.rebuild()
    assert table_checksums(shelf.conn, ["core", "privacy"]) == before


def test_the_key_of_a_deleted_contact_stays_when_her_own_record_has_it(shelf: Shelf) -> None:
    shelf.bring(1, person(1), contacts=[contact()])
    shelf.bring(2, contacts=[contact(is_deleted=True)])
    assert (shelf.count("core.customer_keys"), shelf.addresses()) == (1, {1: True})


def test_the_words_of_a_deleted_customer_go(shelf: Shelf) -> None:
    words: dict[str, Any] = {
        "interactions": [{"interaction_ref": "i", "customer_ref": "1", "subject": "\\xab", "body": "\\xaa"}],
        "feedback": [{"feedback_ref": "f", "customer_ref": "1", "body": "\\xaa"}],
    }
    said = "core.interactions WHERE body IS NOT NULL OR subject IS NOT NULL"
    shelf.bring(1, person(), **words)
    assert (shelf.count(said), shelf.count("core.feedback WHERE body IS NOT NULL")) == (1, 1)
    shelf.bring(3, GONE)
    assert (shelf.count(said), shelf.count("core.feedback WHERE body IS NOT NULL")) == (0, 0)
    shelf.bring(2, **{t: [{**rows[0], f"{t.removesuffix('s')}_ref": "late"}] for t, rows in words.items()})
    shelf.rebuild()
    assert (shelf.count("core.interactions"), shelf.count("core.feedback")) == (2, 2)
    assert (shelf.count(said), shelf.count("core.feedback WHERE body IS NOT NULL")) == (0, 0)
    shelf.bring(5, **{t: [{**rows[0], f"{t.removesuffix('s')}_ref": "new"}] for t, rows in words.items()})
    assert (shelf.count(said), shelf.count("core.feedback WHERE body IS NOT NULL")) == (1, 1)


# --- deleted in one system, known elsewhere


def test_a_message_on_its_way_to_a_deleted_address_is_not_sent(shelf: Shelf) -> None:
    shelf.bring(1, person(1, **YES, **LOYALTY))
    shelf.bring(2, {"customer_ref": "T", **LOYALTY}, system="till")
    (point,) = shelf.conn.execute("SELECT contact_point_id FROM core.contact_points").fetchone() or (0,)
    claimed = {
        "message_id": "m", "contact_point_id": point, "customer_id": 1, "state": "claimed", "claim_token": TOKEN,
        "lease_until": "2030-01-01T00:00:00Z", "expires_at": "2030-01-01T00:00:00Z",
    }  # fmt: skip
    give(shelf.conn, "activation.plans", [{"plan_id": 1}])
    give(shelf.conn, "activation.sends", [{**claimed, "send_id": 1}])
    shelf.bring(3, GONE)
    assert shelf.addresses() == {1: False}
    params = {"send_ids": [1], "token": TOKEN, "now": "2018-01-03T00:00:00Z", "lease_until": "2018-01-03T01:00:00Z"}
    assert shelf.conn.execute(queries("delivery")["begin"], params).fetchall() == [(1, "skipped")]


def test_an_address_that_the_other_system_has_too_stays(shelf: Shelf) -> None:
    shelf.bring(1, person(1, **LOYALTY))
    shelf.bring(2, {"customer_ref": "T", **email(1)}, system="till")
    shelf.bring(3, GONE)
    assert (shelf.addresses(), shelf.current()) == ({1: True}, [1])


def test_who_came_back_before_the_deletion_was_known_has_the_new_address_only(shelf: Shelf) -> None:
    shelf.bring(1, person(1))
    shelf.bring(5, person(7))
    shelf.bring(3, GONE)
    assert (shelf.addresses(), shelf.current()) == ({1: False, 7: True}, [7])
    shelf.bring(6, person(8))
    assert shelf.addresses() == {1: False, 7: True, 8: True}


def test_an_address_that_was_given_up_is_not_taken_from_an_older_record(shelf: Shelf) -> None:
    shelf.bring(1, {"customer_ref": "T", **email(1)}, system="till", contacts=[{"customer_ref": "T", **email(1)}])
    shelf.bring(2, person(1))
    shelf.bring(4, {"customer_ref": "1"})
    assert shelf.current() == [None]
    shelf.bring(3, system="till", contacts=[{"customer_ref": "T", **email(9)}])
    assert shelf.current() == [9], "another contact was not given up"
    shelf.bring(5, {"customer_ref": "T", **email(1), "gender": "f"}, system="till")
    assert shelf.current() == [9], "another change is no new word about the address"
    shelf.bring(6, {"customer_ref": "T", **email(2)}, system="till")
    assert shelf.current() == [2]
