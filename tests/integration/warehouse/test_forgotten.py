"""What was deleted stays forgotten, whatever comes late, and in one system or several."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import Any

import pytest

from checksums import table_checksums
from shelf import GONE, LOYALTY, YES, Shelf, contact, person
from two_systems import email, phone

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


def test_what_was_chosen_goes_with_the_address_and_with_no_other(shelf: Shelf) -> None:
    shelf.bring(1, person(1), person(2, customer_ref="2"))
    shelf.conn.execute(
        "INSERT INTO privacy.preferences SELECT contact_point_id, '{news}', NULL, NULL, 'zh', '2017-12-01Z'"
        " FROM core.contact_points"
    )
    shelf.conn.commit()
    shelf.bring(3, GONE)
    kept = shelf.conn.execute(
        "SELECT octet_length(p.address) > 0 FROM privacy.preferences JOIN core.contact_points AS p USING (contact_point_id)"
    ).fetchall()
    assert kept == [(True,)]
    assert sorted(shelf.addresses().values()) == [False, True]


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
    shelf.claim()
    shelf.bring(3, GONE)
    assert shelf.addresses() == {1: False}
    assert shelf.begin() == "skipped"


@pytest.mark.parametrize("purpose", ["marketing", "transactional"])
def test_a_message_on_its_way_to_a_deleted_contact_is_not_sent(shelf: Shelf, purpose: str) -> None:
    shelf.bring(1, contacts=[contact()], consents=[{"customer_ref": "1", "answered_at": "2016-01-01T00:00:00Z"}])
    shelf.claim(1, purpose)
    shelf.bring(3, contacts=[contact(is_deleted=True)])
    assert shelf.addresses() == {1: False}
    assert shelf.begin() == "skipped"


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


@pytest.mark.parametrize("own", [{}, email(5)], ids=["no address", "an address of her own"])
@pytest.mark.parametrize("contact_first", [True, False])
def test_a_shared_address_is_forgotten_with_the_last_who_has_it(
    shelf: Shelf, own: dict[str, str], contact_first: bool
) -> None:
    gone = [GONE, {"customer_ref": "2", "is_deleted": True}]
    shelf.bring(1, {"customer_ref": "2", **email(1)})
    shelf.bring(2, {"customer_ref": "1", **own}, contacts=[contact()])
    for number, row in enumerate(gone if contact_first else reversed(gone), start=3):
        assert shelf.addresses()[1] is True
        shelf.bring(number, row)
    assert set(shelf.addresses().values()) == {False}


def test_a_shared_address_that_its_owner_gave_up_is_forgotten_with_the_contact(shelf: Shelf) -> None:
    shelf.bring(1, {"customer_ref": "2", **email(1)})
    shelf.bring(2, {"customer_ref": "1"}, contacts=[contact()])
    shelf.bring(3, {"customer_ref": "2", **email(2)})
    shelf.bring(4, GONE)
    assert shelf.addresses() == {1: False, 2: True}


# --- who is there again, and what only a deletion tells


def test_who_subscribed_after_the_deletion_is_not_forgotten_again(shelf: Shelf) -> None:
    shelf.bring(1, person())
    shelf.bring(3, GONE)
    shelf.bring(6, consents=[{"answered_at": "2017-12-01T00:00:00Z", **email(1)}])
    shelf.bring(7, order_lines=[{"order_ref": "o", "customer_ref": "1", "product_ref": "p"}])
    assert (shelf.addresses(), shelf.answers()) == ({1: True}, {1: True})
    assert shelf.unchanged_by_a_rebuild()


def test_a_yes_by_number_keeps_no_deleted_address(shelf: Shelf) -> None:
    shelf.bring(1, person(1, **LOYALTY))
    yes = {"customer_ref": "T", "answered_at": "2017-12-01T00:00:00Z"}
    shelf.bring(2, {"customer_ref": "T", **LOYALTY}, system="till", consents=[yes])
    assert shelf.answers() == {1: True}
    shelf.bring(3, GONE)
    assert shelf.addresses() == {1: False}


@pytest.mark.parametrize("at_once", [False, True])
def test_an_answer_from_before_brings_nothing_back_that_never_came_in(shelf: Shelf, at_once: bool) -> None:
    shelf.at_once = at_once
    shelf.bring(3, GONE)
    shelf.bring(1, person(1))
    shelf.bring(5, consents=[{**email(1), "answered_at": "2016-01-01T00:00:00Z"}])
    shelf.build()
    assert shelf.addresses() == {1: False}
    assert shelf.answers() == {1: False}
    assert shelf.unchanged_by_a_rebuild()
    shelf.bring(6, person(1))
    shelf.build()
    assert (shelf.addresses(), shelf.current()) == ({1: True}, [1])


@pytest.mark.parametrize("at_once", [False, True])
def test_an_answer_from_before_brings_no_contact_back_that_never_came_in(shelf: Shelf, at_once: bool) -> None:
    shelf.at_once = at_once
    shelf.bring(3, contacts=[contact(is_deleted=True)])
    shelf.bring(5, consents=[{**email(1), "answered_at": "2016-01-01T00:00:00Z"}])
    shelf.build()
    assert shelf.addresses() == {1: False}
    assert shelf.unchanged_by_a_rebuild()


def test_a_late_record_does_not_bring_a_deleted_contact_back(shelf: Shelf) -> None:
    shelf.bring(2, person(2), contacts=[contact()])
    shelf.bring(4, contacts=[contact(is_deleted=True)])
    shelf.bring(1, person(1))
    assert shelf.addresses() == {1: False, 2: True}
    assert shelf.unchanged_by_a_rebuild()


def test_a_contact_that_went_while_it_was_her_address_goes_with_it(shelf: Shelf) -> None:
    shelf.bring(1, person(1))
    shelf.bring(2, contacts=[contact(is_deleted=True)])
    assert shelf.addresses() == {1: True}
    shelf.bring(3, person(2))
    assert shelf.addresses() == {1: False, 2: True}
    assert shelf.unchanged_by_a_rebuild()


def test_a_late_version_of_a_call_without_the_customer_brings_no_words_back(shelf: Shelf) -> None:
    words = {"interaction_ref": "i", "body": "\\xaa"}, {"feedback_ref": "f", "body": "\\xaa"}
    first, late = ([{**row, **named} for row in words] for named in ({"customer_ref": "1"}, {}))
    shelf.bring(1, person(), interactions=first[:1], feedback=first[1:])
    shelf.bring(3, GONE)
    shelf.bring(2, interactions=late[:1], feedback=late[1:])
    assert shelf.unchanged_by_a_rebuild()
    for table in ("core.interactions", "core.feedback"):
        assert (shelf.count(table), shelf.count(f"{table} WHERE body IS NOT NULL")) == (1, 0)


def test_a_deletion_of_the_future_is_of_when_it_came(shelf: Shelf) -> None:
    shelf.bring(1, person(1))
    shelf.bring(3, {**GONE, "version_at": "2099-01-01T00:00:00Z"})
    assert shelf.addresses() == {1: False}
    shelf.clock = replace(shelf.clock, offset=dt.timedelta(days=1))
    assert shelf.unchanged_by_a_rebuild()
