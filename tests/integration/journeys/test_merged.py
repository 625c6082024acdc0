"""Two records turn out to be one customer while she is inside: she goes on, once, as who she is now."""

from __future__ import annotations

import pytest

from campaign_shop import add_customer
from journey_desk import Desk
from marketflow.campaigns import ContactPolicy

SERIES = """
steps:
  one: {send: {}}
  pause: {wait: {for: 2 days}}
  two: {send: {}}
  rest: {wait: {for: 30 days}}
"""
MAILS = ("one", "two")


def merge(desk: Desk, gone: int, kept: int, *, marts: bool = True) -> None:
    """As build_core does it; with `marts` build_marts, too."""
    for statement in (
        "UPDATE core.customers SET merged_into = %(kept)s WHERE customer_id = %(gone)s OR merged_into = %(gone)s",
        "UPDATE core.contact_points SET customer_id = %(kept)s WHERE customer_id = %(gone)s",
        "UPDATE core.orders SET customer_id = %(kept)s WHERE customer_id = %(gone)s",
        "UPDATE core.events SET customer_id = %(kept)s WHERE customer_id = %(gone)s",
    ):
        desk.conn.execute(statement, {"gone": gone, "kept": kept})
    if marts:
        desk.conn.execute(
            "UPDATE marts.customer_360 AS k SET email_contact_point_id = g.email_contact_point_id, email_consent = g.email_consent"
            " FROM marts.customer_360 AS g WHERE k.customer_id = %s AND g.customer_id = %s AND k.email_contact_point_id IS NULL",
            [kept, gone],
        )
        desk.conn.execute("DELETE FROM marts.customer_360 WHERE customer_id = %s", [gone])


def record(desk: Desk) -> int:
    """A customer of another system, without an address; out of the journey's sight."""
    [crm, _] = add_customer(desk.conn, "Ada", email=False, consent=False)
    return crm


def mails(desk: Desk) -> list[tuple[int, int]]:
    """Step and customer of each message."""
    return desk.rows("SELECT step, customer_id FROM activation.sends ORDER BY send_id")


@pytest.mark.parametrize("marts", [True, False])
def test_who_turns_out_to_be_another_one_gets_the_mails_that_are_left(desk: Desk, *, marts: bool) -> None:
    journey = desk.journey(SERIES, mails=MAILS)
    crm = record(desk)
    [ada] = desk.people(1)
    desk.enrol(journey)
    desk.tick(journey)
    merge(desk, ada, crm, marts=marts)  # between two builds the marts know her by the old number
    desk.clock.pass_time(days=2)
    assert desk.tick(journey).counts == {"waited": 1, "sent": 1}
    assert mails(desk) == [(1, ada), (2, crm if marts else ada)]
    assert desk.where() == {ada: ("waiting", "rest")}


def test_caps_know_her_by_both_numbers(desk: Desk) -> None:
    desk.policy = ContactPolicy.model_validate({"frequency_caps": [{"messages": 1, "days": 7}]})
    journey = desk.journey(SERIES, mails=MAILS)
    crm = record(desk)
    [ada] = desk.people(1)
    desk.enrol(journey)
    desk.tick(journey)
    desk.conn.execute("UPDATE activation.sends SET state = 'sent', sending_at = send_after, settled_at = send_after")
    merge(desk, ada, crm)
    desk.clock.pass_time(days=2)
    assert desk.tick(journey).counts == {"waited": 1, "refused: frequency_cap": 1}


@pytest.mark.parametrize("event", ["order_placed", "wishlist_shared"])
def test_she_is_woken_by_what_she_does_as_who_she_is_now(desk: Desk, event: str) -> None:
    desk.conn.execute("INSERT INTO core.event_types VALUES ('wishlist_shared', %s)", [desk.clock.now()])
    journey = desk.journey(
        f"steps:\n  asks: {{wait: {{event: {event}, at_most: 7 days, then: x, otherwise: end}}}}\n  x: {{exit: {{reason: did}}}}\n"
    )
    crm = record(desk)
    [ada] = desk.people(1)
    desk.enrol(journey)
    desk.tick(journey)
    merge(desk, ada, crm)
    desk.clock.pass_time(hours=5)
    now = desk.clock.now()
    if event == "order_placed":
        desk.order(crm, now)
    else:
        desk.conn.execute(
            "INSERT INTO core.events (occurred_on, event_id, source, event_type, customer_id, occurred_at, properties, version_at, file_id)"
            " VALUES (%s, gen_random_uuid(), 'shop', %s, %s, %s, '{}', %s, 1)",
            [now.date(), event, crm, now, now],
        )
    assert desk.tick(journey).counts == {"event": 1, "exit: did": 1}
    assert desk.where() == {ada: ("exited", "did")}


def test_who_was_erased_under_her_new_number_leaves(desk: Desk) -> None:
    journey = desk.journey(SERIES, mails=MAILS)
    crm = record(desk)
    [ada] = desk.people(1)
    desk.enrol(journey)
    desk.tick(journey)
    merge(desk, ada, crm)
    desk.conn.execute("UPDATE core.customers SET is_deleted = true WHERE customer_id = %s", [crm])
    desk.clock.pass_time(days=2)
    assert desk.tick(journey).counts == {"ended": 1}
    assert desk.where() == {ada: ("exited", "customer_gone")}


def test_who_is_inside_under_two_numbers_gets_one_series(desk: Desk) -> None:
    journey = desk.journey(SERIES, mails=MAILS)
    [ada, bo] = desk.people(2)
    desk.enrol(journey)
    desk.tick(journey)
    merge(desk, bo, ada)
    desk.clock.pass_time(days=2)
    assert desk.tick(journey).counts == {"ended": 1, "waited": 1, "sent": 1}
    assert desk.where() == {ada: ("waiting", "rest"), bo: ("exited", "merged")}
    assert desk.moves(bo)[-1] == ("pause", None, "ended")
    assert mails(desk) == [(1, ada), (1, bo), (2, ada)]
    assert desk.rows("SELECT dropped FROM marts.journey_steps WHERE step = 'pause'") == [(1,)]


@pytest.mark.parametrize("rest", ["", "  rest: {wait: {for: 30 days}}\n"])  # the first visit is over, or goes on
def test_the_second_visit_ends_also_when_it_is_due_another_day(desk: Desk, rest: str) -> None:
    steps = "steps:\n  one: {send: {}}\n  pause: {wait: {for: 2 days}}\n  two: {send: {}}\n"
    journey = desk.journey(steps + rest, mails=MAILS)
    [ada] = desk.people(1)
    desk.enrol(journey)
    desk.tick(journey)
    desk.clock.pass_time(days=1)
    [bo] = desk.people(1)
    desk.enrol(journey)
    desk.tick(journey)
    merge(desk, ada, bo)  # the number that came later is kept
    desk.clock.pass_time(days=1)
    assert desk.tick(journey).counts == {"waited": 1, "sent": 1}
    desk.clock.pass_time(days=1)
    assert desk.tick(journey).counts == {"ended": 1}
    assert desk.where()[bo] == ("exited", "merged")
    assert mails(desk) == [(1, ada), (1, bo), (2, bo)]


def test_a_visit_that_was_over_before_is_none_beside_this_one(desk: Desk) -> None:
    journey = desk.journey(SERIES, mails=MAILS, entry='entry: {on: daily, where: "orders >= 0", again: always}\n')
    [ada] = desk.people(1)
    desk.enrol(journey)
    for _ in range(2):
        desk.tick(journey)
        desk.clock.pass_time(days=31)
    desk.tick(journey)
    crm = record(desk)
    assert desk.enrol(journey).entered == 1
    merge(desk, ada, crm)
    assert desk.tick(journey).counts == {"sent": 1}
