"""From when on counts what people do: from the event that brought them, not from the tick that let them in."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from campaign_shop import add_order
from journey_desk import NOW, Desk

GOAL = "goal: {event: order_placed}\nsteps:\n  pause: {wait: {for: 1 day}}\n  reminder: {send: {}}\n"
THANKS = "steps:\n  thanks: {send: {}}\n"
MINUTE = dt.timedelta(minutes=1)
MIDNIGHT = NOW.replace(hour=0)  # between the business day and today
YESTERDAY = MIDNIGHT.date() - dt.timedelta(days=1)


def leave_basket(desk: Desk, customer: int, at: dt.datetime) -> None:
    desk.conn.execute(
        "INSERT INTO ops.table_freshness VALUES ('marts.open_baskets', %s, %s, 1) ON CONFLICT DO NOTHING",
        [NOW.date(), NOW],
    )
    desk.conn.execute("DELETE FROM marts.open_baskets WHERE customer_id = %s", [customer])
    desk.conn.execute("INSERT INTO marts.open_baskets VALUES (%s, 1, %s)", [customer, at])


def happened(desk: Desk, customer: int, event: str, at: dt.datetime) -> None:
    desk.conn.execute(
        "INSERT INTO core.events (event_id, occurred_on, occurred_at, source, event_type, customer_id, properties)"
        " VALUES (gen_random_uuid(), (%s::timestamptz AT TIME ZONE 'UTC')::date, %s, 'site', %s, %s, '{}')",
        [at, at, event, customer],
    )


def test_who_orders_between_leaving_the_basket_and_the_tick_has_reached_the_goal(desk: Desk) -> None:
    journey = desk.journey(GOAL, entry="entry: {on: cart_abandoned, after: 4 hours}\n", mails=("reminder",))
    [ada, bo] = desk.people(2)
    left_at = NOW - dt.timedelta(hours=5)
    for customer in (ada, bo):
        leave_basket(desk, customer, left_at)
    desk.order(ada, NOW - MINUTE)  # it is known a little later than the basket that it has emptied
    desk.order(bo, left_at - MINUTE)  # before the event
    assert desk.enrol(journey).counts == {"entered": 2}
    assert desk.rows("SELECT DISTINCT event_at, entered_at FROM activation.journey_visits") == [(left_at, NOW)]
    assert desk.tick(journey).counts == {"goal": 1}
    assert desk.where() == {ada: ("exited", "goal"), bo: ("waiting", "pause")}


def test_who_signs_up_and_orders_on_one_day_is_not_asked_why_she_has_not_ordered(desk: Desk) -> None:
    """Both are loaded on the next morning."""
    journey = desk.journey(GOAL, entry="entry: {on: signed_up}\n", mails=("reminder",))
    [ada, bo, cy] = desk.people(3)
    noon = MIDNIGHT - dt.timedelta(hours=12)
    for customer in (ada, bo, cy):
        happened(desk, customer, "signed_up", noon)
    desk.order(ada, noon + MINUTE)
    desk.order(bo, noon - MINUTE)
    first = NOW - dt.timedelta(days=1)
    desk.clock.hands[0] = first  # the journey's first run: what happened before brings nobody
    assert desk.enrol(journey).entered == 0
    desk.clock.hands[0] = NOW
    assert desk.enrol(journey).entered == 3
    assert desk.tick(journey).counts == {"goal": 1}
    assert desk.where()[ada] == ("exited", "goal")


@pytest.mark.parametrize("order", ["2026-11-21T23:59Z", "2026-11-21T00:00Z"])
def test_the_order_that_is_thanked_for_is_not_the_goal(desk: Desk, order: str) -> None:
    journey = desk.journey(GOAL, entry="entry: {on: order_placed}\n", mails=("reminder",))
    [ada, bo] = desk.people(2)
    for customer in (ada, bo):
        desk.order(customer, dt.datetime.fromisoformat(order))
        add_order(desk.conn, customer, [1], YESTERDAY)
    desk.order(bo, MIDNIGHT)  # the next one; of shops that know no times it has the first instant of its day
    assert desk.enrol(journey).counts == {"entered": 2}
    assert desk.tick(journey).counts == {"goal": 1}
    assert desk.where() == {ada: ("waiting", "pause"), bo: ("exited", "goal")}


def test_a_wait_counts_from_the_event_too(desk: Desk) -> None:
    journey = desk.journey(
        "steps:\n  buys: {wait: {event: order_placed, at_most: 7 days, then: end, otherwise: reminder}}\n  reminder: {send: {}}\n",
        entry="entry: {on: cart_abandoned, after: 4 hours}\n", mails=("reminder",),
    )  # fmt: skip
    [ada, bo] = desk.people(2)
    for customer, at in ((ada, NOW - MINUTE), (bo, NOW - dt.timedelta(hours=6))):
        leave_basket(desk, customer, NOW - dt.timedelta(hours=5))
        desk.order(customer, at)
    desk.enrol(journey)
    desk.tick(journey)
    desk.clock.pass_time(minutes=5)
    assert desk.tick(journey).counts == {"event": 1}
    assert desk.where() == {ada: ("done", None), bo: ("waiting", "buys")}


def test_an_order_that_is_told_after_she_came_in_counts_as_well(desk: Desk) -> None:
    journey = desk.journey(
        "steps:\n  buys: {wait: {event: order_placed, at_most: 7 days}}\n",
        entry="entry: {on: cart_abandoned, after: 4 hours}\n",
    )
    [ada] = desk.people(1)
    leave_basket(desk, ada, NOW - dt.timedelta(hours=5))
    desk.build()
    desk.enrol(journey)
    assert desk.tick(journey).counts == {}
    desk.order(ada, NOW - MINUTE)
    desk.clock.pass_time(minutes=5)
    desk.build()
    assert desk.tick(journey).counts == {"event": 1}


@pytest.mark.parametrize("pinned", [False, True])
def test_of_a_day_its_last_instant_counts_or_the_entry(desk: Desk, pinned: bool) -> None:
    journey = desk.journey(GOAL, mails=("reminder",))
    if pinned:  # as in the demo: the business day is still going on
        object.__setattr__(desk.clock, "pinned_day", MIDNIGHT.date())
    desk.people(1)
    desk.enrol(journey)
    [(event_at,)] = desk.rows("SELECT event_at FROM activation.journey_visits")
    assert event_at == (NOW if pinned else MIDNIGHT - dt.timedelta(microseconds=1))


def again(desk: Desk, on: str, text: str = THANKS, **more: Any) -> Any:
    return desk.journey(text, entry=f"entry: {{on: {on}, again: always}}\n", mails=("thanks",), **more)


def test_an_older_order_brings_nobody_after_a_newer_one(desk: Desk) -> None:
    journey = again(desk, "order_placed")
    desk.clock.pass_time(days=-2)
    desk.enrol(journey)  # the journey has begun
    desk.clock.pass_time(days=2)
    [ada] = desk.people(1)
    for day in (YESTERDAY, YESTERDAY - dt.timedelta(days=1)):  # loaded together
        add_order(desk.conn, ada, [1], day)
    assert desk.enrol(journey).counts == {"entered": 1}
    assert desk.tick(journey).counts == {"sent": 1}  # and she is through
    assert desk.enrol(journey).counts == {}
    assert desk.rows("SELECT occasion FROM activation.journey_visits") == [(str(YESTERDAY),)]
    desk.clock.pass_time(days=1)
    add_order(desk.conn, ada, [1], YESTERDAY + dt.timedelta(days=1))
    assert desk.enrol(journey).counts == {"entered": 1}


def test_who_is_known_by_another_number_now_is_not_brought_by_what_is_older(desk: Desk) -> None:
    journey = again(desk, "order_placed")
    desk.clock.pass_time(days=-2)
    desk.enrol(journey)
    desk.clock.pass_time(days=2)
    [ada, bo] = desk.people(2)
    add_order(desk.conn, ada, [1], YESTERDAY)
    desk.enrol(journey)
    desk.tick(journey)
    desk.conn.execute("UPDATE core.customers SET merged_into = %s WHERE customer_id = %s", [bo, ada])
    add_order(desk.conn, bo, [1], YESTERDAY - dt.timedelta(days=1))
    assert desk.enrol(journey).counts == {}


def test_a_product_taken_out_of_a_basket_is_no_new_basket(desk: Desk) -> None:
    journey = again(desk, "cart_abandoned")
    [ada] = desk.people(1)
    leave_basket(desk, ada, NOW - dt.timedelta(hours=5))
    assert desk.enrol(journey).counts == {"entered": 1}
    desk.tick(journey)
    leave_basket(desk, ada, NOW - dt.timedelta(hours=6))  # the one that was put in last is out again
    assert desk.enrol(journey).counts == {}
    leave_basket(desk, ada, NOW - dt.timedelta(hours=4, minutes=30))
    assert desk.enrol(journey).counts == {"entered": 1}
