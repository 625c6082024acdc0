"""Messages that wait to be sent: whoever has reached the goal meanwhile, or is out of the journey, does not get them."""

from __future__ import annotations

import datetime as dt
from collections import Counter

import pytest

from campaign_shop import RING
from journey_desk import NOW, Desk
from marketflow.campaigns import ContactPolicy
from marketflow.campaigns.journeys import Journey, cancel_visits, dry_tick, end_left_behind, put_off

QUIET = {"quiet_hours": [{"from": "08:00", "to": "20:00"}]}  # it is nine: until eight in the evening
REMINDER = """
goal: {event: order_placed}
steps:
  reminder: {send: {}}
  a_day: {wait: {for: 24 hours}}
  second: {send: {}}
"""
STATES = "SELECT customer_id, state, reason FROM activation.sends ORDER BY send_id"


def begin(desk: Desk, text: str = REMINDER, people: int = 2) -> tuple[Journey, list[int]]:
    """Everybody's first mail waits for the end of quiet hours."""
    desk.policy = ContactPolicy.model_validate(QUIET)
    journey = desk.journey(text, mails=("reminder", "second")[: text.count("send:")])
    found = desk.people(people)
    desk.build()
    desk.enrol(journey)
    assert desk.tick(journey).released == {"email": people}
    assert desk.rows("SELECT DISTINCT state, reason FROM activation.sends") == [("released", "quiet_hours")]
    return journey, found


def test_who_orders_before_the_quiet_hours_are_over_gets_no_reminder(desk: Desk) -> None:
    journey, [ada, bo] = begin(desk)
    desk.clock.pass_time(minutes=30)
    desk.order(ada, desk.clock.now())
    desk.build()
    done = desk.tick(journey)
    assert (done.people, done.stopped) == (0, 1)  # both stand in the wait of a day
    assert desk.rows(STATES) == [(ada, "cancelled", "goal"), (bo, "released", "quiet_hours")]
    assert desk.rows("SELECT settled_at FROM activation.sends WHERE customer_id = %s", ada) == [(desk.clock.now(),)]
    assert desk.tick(journey).stopped == 0
    desk.clock.pass_time(days=1)
    assert desk.tick(journey).counts == {"goal": 1, "waited": 1, "sent": 1}


def test_so_does_who_is_through_and_has_only_her_last_mail_to_come(desk: Desk) -> None:
    journey, [ada, bo] = begin(desk, "goal: {event: order_placed}\nsteps:\n  reminder: {send: {}}\n")
    assert set(desk.where().values()) == {("done", None)}
    desk.order(ada, desk.clock.now() + dt.timedelta(minutes=1))
    desk.clock.pass_time(minutes=5)
    desk.build()
    assert desk.tick(journey).stopped == 1
    assert desk.rows(STATES) == [(ada, "cancelled", "goal"), (bo, "released", "quiet_hours")]


def test_an_order_before_the_event_stops_nothing(desk: Desk) -> None:
    journey, [ada, bo] = begin(desk)
    desk.order(ada, NOW - dt.timedelta(days=2))
    desk.build()
    assert desk.tick(journey).stopped == 0
    assert desk.ledger() == {(ada, "released"): 1, (bo, "released"): 1}


@pytest.mark.parametrize("state", ["claimed", "sending", "sent", "unknown"])
def test_what_a_sender_holds_is_left_to_it(desk: Desk, state: str) -> None:
    journey, [ada] = begin(desk, people=1)
    desk.conn.execute(
        "UPDATE activation.sends SET state = %s, claim_token = gen_random_uuid(), lease_until = %s", [state, NOW]
    )
    desk.order(ada, desk.clock.now() + dt.timedelta(minutes=1))
    desk.clock.pass_time(minutes=5)
    desk.build()
    assert desk.tick(journey).stopped == 0
    assert desk.ledger() == {(ada, state): 1}


def test_what_a_sender_held_and_put_off_again_is_stopped_all_the_same(desk: Desk) -> None:
    """The cap put it off just after the tick had looked at what was new."""
    journey, [ada] = begin(desk, people=1)
    desk.conn.execute(
        "UPDATE activation.sends SET state = 'claimed', claim_token = gen_random_uuid(), lease_until = %s", [NOW]
    )
    desk.clock.pass_time(minutes=5)
    desk.order(ada, desk.clock.now())
    desk.build()
    assert desk.tick(journey).stopped == 0
    desk.conn.execute("UPDATE activation.sends SET state = 'deferred', reason = 'frequency_cap', claim_token = NULL")
    desk.clock.pass_time(minutes=5)
    assert desk.tick(journey).stopped == 1  # of the same builds
    assert desk.rows(STATES) == [(ada, "cancelled", "goal")]


def test_a_click_is_a_goal_that_comes_without_a_build(desk: Desk) -> None:
    text = REMINDER.replace("order_placed", "mail_clicked")
    journey, [ada, bo] = begin(desk, text)
    desk.conn.execute("UPDATE activation.sends SET state = 'sent'")
    desk.policy = ContactPolicy.model_validate(
        {"quiet_hours": [{"from": "08:00", "to": "12:00"}]}  # the second mail, a day later, waits
    )
    desk.clock.pass_time(days=1)
    assert desk.tick(journey).counts == {"waited": 2, "sent": 2}
    desk.conn.execute(
        "INSERT INTO activation.tracking_events SELECT gen_random_uuid(), send_id, campaign, channel, 'click', 'https://shop.test/',"
        " %s, %s, 'person' FROM activation.sends WHERE customer_id = %s AND state = 'sent'",
        [desk.clock.now(), desk.clock.now(), ada],
    )
    desk.clock.pass_time(minutes=5)
    assert desk.tick(journey).stopped == 1
    assert desk.ledger() == {(ada, "sent"): 1, (ada, "cancelled"): 1, (bo, "sent"): 1, (bo, "released"): 1}


def test_a_goal_that_is_a_condition_stops_it_when_it_ends_the_visit(desk: Desk) -> None:
    text = REMINDER.replace("event: order_placed", 'where: "orders > 3"').replace("24 hours", "2 hours")
    journey, [ada, bo] = begin(desk, text)
    desk.conn.execute("UPDATE marts.customer_360 SET orders = 4 WHERE customer_id = %s", [ada])
    desk.clock.pass_time(hours=2)
    done = desk.tick(journey)
    assert (done.counts["goal"], done.stopped) == (1, 1)  # in the same tick: the next may be half a day away
    assert desk.ledger() == {(ada, "cancelled"): 1, (bo, "released"): 2}


def test_who_went_on_to_an_exit_gets_what_she_was_to_get(desk: Desk) -> None:
    journey, [ada] = begin(desk, "steps:\n  reminder: {send: {}}\n  out: {exit: {reason: goal}}\n", people=1)
    assert desk.where() == {ada: ("exited", "goal")}  # the file's own word
    assert desk.tick(journey).stopped == 0
    assert desk.ledger() == {(ada, "released"): 1}


def test_the_end_of_a_journey_stops_what_waits(desk: Desk) -> None:
    journey, people = begin(desk, "end: 2026-11-22\n" + REMINDER)
    desk.conn.execute("UPDATE activation.sends SET state = 'deferred' WHERE customer_id = %s", [people[0]])
    desk.clock.pass_time(days=1)
    assert desk.enrol(journey).ended == 2
    assert desk.rows(STATES) == [(c, "cancelled", "journey_ended") for c in people]


def test_so_does_its_removal_and_a_person_who_cancels_it(desk: Desk) -> None:
    journey, people = begin(desk)
    desk.journey(REMINDER, name="other", mails=("reminder", "second"))
    assert end_left_behind(desk.conn, ["other"], clock=desk.clock) == {}  # missed for the first time
    desk.clock.pass_time(days=3)
    assert end_left_behind(desk.conn, ["other"], clock=desk.clock) == {"trip": 2}
    assert desk.rows(STATES) == [(c, "cancelled", "journey_removed") for c in people]
    desk.clock.hands[0] = NOW + dt.timedelta(days=4)
    [cy] = desk.people(1)
    desk.enrol(journey)
    desk.tick(journey)
    assert cancel_visits(desk.conn, "trip", clock=desk.clock) == 1
    assert desk.rows(STATES)[-1] == (cy, "cancelled", "cancelled")


def test_another_campaign_of_the_same_people_is_not_touched(desk: Desk) -> None:
    journey, [ada] = begin(desk, people=1)
    other = desk.journey("steps:\n  reminder: {send: {}}\n", name="other", mails=("reminder",))
    desk.enrol(other)
    desk.tick(other)
    desk.conn.execute(
        "UPDATE activation.sends SET campaign = 'offers', occasion = '2026-11-22' WHERE campaign = 'other'"
    )
    desk.order(ada, desk.clock.now() + dt.timedelta(minutes=1))
    desk.clock.pass_time(minutes=5)
    desk.build()
    assert desk.tick(journey).stopped == 1
    assert desk.rows("SELECT campaign, state FROM activation.sends ORDER BY 1") == [
        ("offers", "released"), ("trip", "cancelled"),
    ]  # fmt: skip


def test_it_is_done_in_pieces_and_a_dry_run_keeps_nothing(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    journey, people = begin(desk, people=7)
    for customer in people[:5]:
        desk.order(customer, desk.clock.now() + dt.timedelta(minutes=1))
    desk.clock.pass_time(minutes=5)
    desk.build()
    monkeypatch.setattr(put_off, "_PIECE", 2)
    assert dry_tick(desk.conn, "trip", keys=RING, clock=desk.clock).stopped == 5
    assert Counter(state for _, state in desk.ledger().elements()) == {"released": 7}
    assert desk.tick(journey).stopped == 5
    assert Counter(state for _, state in desk.ledger().elements()) == {"released": 2, "cancelled": 5}
    desk.clock.pass_time(days=1)
    cancel_visits(desk.conn, "trip", clock=desk.clock)
    assert Counter(state for _, state in desk.ledger().elements()) == {"cancelled": 7}
