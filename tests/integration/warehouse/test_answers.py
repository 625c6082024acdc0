"""Who may be written to: a no stays a no, at other addresses, after a merge, whatever comes late; and what a yes is worth."""

from __future__ import annotations

from typing import Any

import pytest

from shelf import GONE, LOYALTY, YES, Shelf, contact, person, unsubscribe
from table_rows import give
from two_systems import email

OLD_YES = {"customer_ref": "1", "answered_at": "2016-01-01T00:00:00Z"}
TIMES = pytest.mark.parametrize("time", [{}, {"consent_at": "2017-06-01T00:00:00Z"}], ids=["no time", "its time"])


@pytest.mark.parametrize("named", [True, False], ids=["by the customer's number", "by the address"])
def test_a_yes_of_the_future_does_not_outlive_an_unsubscription(shelf: Shelf, named: bool) -> None:
    answer = {"answered_at": "2099-01-01T00:00:00Z", **({"customer_ref": "1"} if named else email(1))}
    shelf.bring(1, person(), consents=[answer])
    assert shelf.answers() == {1: True}
    unsubscribe(shelf.conn, "2018-01-02T13:00:00Z")
    give(shelf.conn, "ops.loads", [{"load_id": 2, "system": "web", "started_at": "2018-01-03T12:00:00Z"}])
    give(shelf.conn, "raw.consents", [{**answer, "load_id": 2, "file_id": 2}])
    shelf.build()
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


# --- a no reaches all her addresses


@TIMES
def test_a_no_in_a_record_without_an_address_counts(shelf: Shelf, time: dict[str, Any]) -> None:
    shelf.bring(1, contacts=[contact()], consents=[OLD_YES])
    assert shelf.answers() == {1: True}
    shelf.bring(2, {"customer_ref": "1", "email_consent": False, **time})
    assert (shelf.current(), shelf.answers()) == ([1], {1: False})


@TIMES
def test_a_no_in_a_record_counts_for_the_other_system_s_address(shelf: Shelf, time: dict[str, Any]) -> None:
    shelf.bring(1, {"customer_ref": "T", **email(1), **YES, **LOYALTY}, system="till")
    shelf.bring(2, {"customer_ref": "1", **LOYALTY, "email_consent": False, **time})
    assert (shelf.current(), shelf.answers()) == ([1], {1: False})


@pytest.mark.parametrize("how", ["by number", "at the new address", "in the record"])
def test_a_no_after_the_move_stops_the_message_to_the_old_address(shelf: Shelf, how: str) -> None:
    shelf.bring(1, person(1, **YES))
    shelf.claim(1)
    if how == "in the record":
        shelf.bring(2, person(2, email_consent=False, consent_at="2017-11-01T00:00:00Z"))
    else:
        shelf.bring(2, person(2))
        named = {"customer_ref": "1"} if how == "by number" else email(2)
        shelf.bring(3, consents=[{"granted": False, "answered_at": "2017-11-01T00:00:00Z", **named}])
    assert shelf.begin() == "skipped"


def test_a_no_by_number_counts_for_her_contacts_too(shelf: Shelf) -> None:
    other = {"customer_ref": "1", **email(2)}
    shelf.bring(1, person(1, **YES), contacts=[other], consents=[{**email(2), "answered_at": "2016-01-01T00:00:00Z"}])
    assert shelf.answers() == {1: True, 2: True}
    shelf.bring(3, consents=[{"customer_ref": "1", "granted": False, "answered_at": "2017-06-01T00:00:00Z"}])
    assert shelf.answers() == {1: False, 2: False}


# --- an address that she shares, or that another one has now, was hers too


def test_a_no_at_a_shared_address_counts_for_both(shelf: Shelf) -> None:
    shelf.bring(1, person(1, **YES), {"customer_ref": "2", **email(1), **YES})
    unsubscribe(shelf.conn, "2018-01-02T11:00:00Z")
    shelf.bring(2, {"customer_ref": "2", **email(2), **YES})
    assert shelf.answers() == {1: False, 2: False}


def test_a_link_followed_after_she_has_another_address_too(shelf: Shelf) -> None:
    shelf.bring(1, person(1, **YES), {"customer_ref": "2", **email(1), **YES})
    shelf.bring(2, {"customer_ref": "2", **email(2), **YES}, contacts=[{"customer_ref": "2", **email(1)}])
    unsubscribe(shelf.conn, shelf.clock.now().isoformat())
    shelf.bring(3, {"customer_ref": "9"})  # any other build
    assert shelf.answers() == {1: False, 2: False}


def test_a_no_at_a_contact_that_another_one_owns(shelf: Shelf) -> None:
    shelf.bring(1, {"customer_ref": "2", **email(1)})
    shelf.bring(2, {"customer_ref": "1"}, contacts=[contact()])
    shelf.bring(3, consents=[{**email(1), "granted": False, "answered_at": "2017-06-01T00:00:00Z"}])
    shelf.bring(4, person(2, **YES))
    assert shelf.answers() == {1: False, 2: False}


def test_a_no_by_link_at_an_address_that_another_one_has_now(shelf: Shelf) -> None:
    shelf.bring(1, person(1, **YES))
    unsubscribe(shelf.conn, "2018-01-02T11:00:00Z")
    shelf.bring(2, person(2, **YES), {"customer_ref": "2", **email(1)})
    assert shelf.answers() == {1: False, 2: False}
    shelf.claim(2)
    assert shelf.begin() == "skipped"


@pytest.mark.parametrize("at_once", [False, True])
def test_a_no_by_address_before_another_one_had_it(shelf: Shelf, at_once: bool) -> None:
    shelf.at_once = at_once
    shelf.bring(1, person(1, **YES))
    shelf.bring(2, consents=[{**email(1), "granted": False, "answered_at": "2017-06-01T00:00:00Z"}])
    shelf.bring(3, person(2, **YES))
    shelf.bring(4, {"customer_ref": "2", **email(1)})
    shelf.build()
    assert shelf.answers() == {1: False, 2: False}


def test_a_no_is_not_handed_on_from_who_shares_the_address(shelf: Shelf) -> None:
    shelf.bring(1, {"customer_ref": "9", **email(1)}, person(1))
    shelf.bring(2, person(2), {"customer_ref": "9", **email(3), **YES})
    shelf.bring(3, consents=[{"customer_ref": "1", "granted": False, "answered_at": "2017-06-01T00:00:00Z"}])
    shelf.bring(4, {"customer_ref": "9", **email(3), "gender": "f"})
    assert shelf.answers() == {1: False, 2: False, 3: True}
    assert shelf.unchanged_by_a_rebuild()


# --- a yes and a deletion


def test_a_deletion_takes_no_yes_of_the_other_system(shelf: Shelf) -> None:
    yes = {"customer_ref": "T", "answered_at": "2017-10-01T00:00:00Z"}
    shelf.bring(1, person(1, **LOYALTY))
    shelf.bring(2, {"customer_ref": "T", **email(2), **LOYALTY}, system="till", consents=[yes])
    shelf.bring(3, GONE)
    assert shelf.answers() == {1: False, 2: True}
    shelf.bring(4, {"customer_ref": "T", **email(3), **LOYALTY}, system="till")
    assert shelf.answers()[3] is True


def test_a_late_yes_of_a_deleted_number_does_not_count(shelf: Shelf) -> None:
    shelf.bring(1, {"customer_ref": "1", **LOYALTY})
    shelf.bring(2, {"customer_ref": "T", **email(2), **LOYALTY}, system="till")
    shelf.bring(4, GONE)
    shelf.bring(3, consents=[{"customer_ref": "1", "answered_at": "2017-10-01T00:00:00Z"}])
    assert shelf.answers() == {}
    shelf.bring(6, consents=[{"customer_ref": "1", "answered_at": "2017-10-05T00:00:00Z"}])
    assert shelf.answers() == {2: True}, "a later one does"


@pytest.mark.parametrize("at_once", [False, True])
@pytest.mark.parametrize("order", [(1, 4, 5), (4, 1, 5)], ids=["in time", "late"])
def test_the_yes_of_a_deleted_customer_is_not_another_system_s(
    shelf: Shelf, at_once: bool, order: tuple[int, ...]
) -> None:
    shelf.at_once = at_once
    loads = {1: ("web", person(1, **YES)), 4: ("web", GONE), 5: ("till", {"customer_ref": "T", **email(1)})}
    for number in order:
        shelf.bring(number, loads[number][1], system=loads[number][0])
    shelf.build()
    assert shelf.answers().get(1) is not True
    assert shelf.addresses() == {1: True}


def test_the_yes_at_an_address_that_another_system_had_stays(shelf: Shelf) -> None:
    shelf.bring(2, {"customer_ref": "T", **email(1)}, system="till")
    shelf.bring(4, GONE)
    shelf.bring(3, person(1, **YES))
    assert shelf.answers() == {1: True}


@pytest.mark.parametrize("order", [(2, 4, 5), (4, 2, 5)], ids=["in time", "late"])
def test_a_no_at_an_address_that_a_deletion_keeps_out_is_kept(shelf: Shelf, order: tuple[int, ...]) -> None:
    no = {"customer_ref": "1", **email(1), "granted": False, "answered_at": "2017-05-01T00:00:00Z"}
    for number in order:
        if number == 2:
            shelf.bring(2, consents=[no])
        elif number == 4:
            shelf.bring(4, GONE)
        else:
            shelf.bring(5, {"customer_ref": "T", **email(1), **YES}, system="till")
    assert shelf.answers() == {1: False}


@pytest.mark.parametrize("at_once", [False, True])
def test_who_comes_back_after_a_deletion_hears_of_her_orders(shelf: Shelf, at_once: bool) -> None:
    shelf.at_once = at_once
    for number, row in ((1, person()), (3, GONE), (5, person())):
        shelf.bring(number, row)
    shelf.build()
    shelf.claim(1, purpose="transactional")
    assert shelf.begin() == "sending"


def test_a_yes_of_the_future_is_not_later_because_another_system_says_it_too(shelf: Shelf) -> None:
    answer = {"answered_at": "2099-01-01T00:00:00Z", **email(1)}
    shelf.bring(1, person(), consents=[answer])
    unsubscribe(shelf.conn, "2018-01-02T13:00:00Z")
    give(shelf.conn, "ops.loads", [{"load_id": 2, "system": "till", "started_at": "2018-01-03T12:00:00Z"}])
    give(shelf.conn, "raw.consents", [{**answer, "load_id": 2, "file_id": 2}])
    shelf.build()
    assert shelf.answers() == {1: False}
