"""On old data, by a goal that cannot be asked, and by a clock that is far off nobody is moved: it would be wrong for good."""

from __future__ import annotations

import datetime as dt

import pytest

from campaign_shop import RING, THEN
from journey_desk import Desk, HandClock
from marketflow.campaigns.delivery import WrongClockError
from marketflow.campaigns.journeys import enrol, tick

DAY = dt.timedelta(days=1)
LETTER = "steps:\n  pause: {wait: {for: 2 days}}\n  letter: {send: {}}\n"
BOUGHT = "goal: {event: order_placed}\n"


def second_day(desk: Desk, text: str, **more: str) -> int:
    """Somebody for whom the time is over; her journey is `trip`."""
    journey = desk.journey(text, mails=("letter",) if "letter" in text else (), **more)
    [ada] = desk.people(1)
    desk.enrol(journey)
    desk.tick(journey)
    desk.clock.pass_time(days=2)
    return ada


@pytest.mark.parametrize(
    "text",
    [
        BOUGHT + LETTER,
        'goal: {where: "orders > 3"}\n' + LETTER,
        "steps:\n  buys: {wait: {event: order_placed, at_most: 2 days, then: end, otherwise: letter}}\n  letter: {send: {}}\n",
        "steps:\n  hears: {wait: {event: wishlist_shared, at_most: 2 days, then: end}}\n  letter: {send: {}}\n",
        "steps:\n  pause: {wait: {for: 2 days}}\n  asks: {branch: {where: \"not did('order')\", then: letter, otherwise: end}}\n  letter: {send: {}}\n",
    ],
)  # fmt: skip
def test_who_may_have_ordered_since_waits_until_it_is_known(desk: Desk, text: str) -> None:
    desk.conn.execute("INSERT INTO core.event_types VALUES ('wishlist_shared', %s)", [THEN])
    ada = second_day(desk, text)
    before = desk.where()
    done = desk.tick("trip", known_until=desk.clock.business_date() - DAY)
    assert (done.people, done.counts, done.held) == (1, {"held": 1}, [])
    [words] = done.stale
    assert f"until {desk.clock.business_date() - DAY}" in words
    assert desk.where() == before
    assert desk.rows("SELECT count(*) FROM activation.sends") == [(0,)]
    desk.clock.pass_time(minutes=55)
    assert desk.tick("trip").people == 0  # it asks each hour
    desk.clock.pass_time(minutes=5)
    assert desk.tick("trip").counts["sent"] == 1
    assert desk.where() == {ada: ("done", None)}


def test_who_is_known_to_have_ordered_leaves_all_the_same(desk: Desk) -> None:
    ada = second_day(desk, BOUGHT + LETTER)
    desk.order(ada, desk.clock.now() - dt.timedelta(hours=1))
    done = desk.tick("trip", known_until=desk.clock.business_date() - DAY)
    assert done.counts == {"goal": 1}
    assert desk.where() == {ada: ("exited", "goal")}


def test_what_asks_for_nothing_goes_on_by_any_data(desk: Desk) -> None:
    """Opens and clicks come by no build."""
    text = "steps:\n  letter: {send: {}}\n  clicks: {wait: {event: mail_clicked, at_most: 2 days}}\n  last: {exit: {reason: x}}\n"
    journey = desk.journey(text, mails=("letter",))
    desk.people(1)
    desk.enrol(journey)
    old = desk.clock.business_date() - 9 * DAY
    assert desk.tick(journey, known_until=old).counts == {"sent": 1}
    desk.clock.pass_time(days=2)
    assert desk.tick(journey, known_until=old).counts == {"timed_out": 1, "exit: x": 1}


def test_a_table_that_was_never_built_knows_nothing(desk: Desk) -> None:
    second_day(desk, BOUGHT + LETTER)
    assert not desk.rows("SELECT FROM ops.table_freshness WHERE table_name = 'core.orders'")
    done = tick(desk.conn, "trip", keys=RING, clock=desk.clock)
    assert done.counts == {"held": 1}
    assert "core.orders knows what happened until no day at all" in done.stale[0]


def test_a_condition_of_the_entry_is_not_asked_of_old_data(desk: Desk) -> None:
    journey = desk.journey(LETTER, entry="entry: {on: daily, where: \"not did('wishlist_shared')\"}\n", mails=("letter",))  # fmt: skip
    desk.conn.execute("INSERT INTO core.event_types VALUES ('wishlist_shared', %s)", [THEN])
    desk.people(1)
    assert "stale data: core.events" in str(desk.enrol(journey).refused)


def test_a_goal_that_cannot_be_asked_lets_nobody_through(desk: Desk) -> None:
    ada = second_day(desk, 'goal: {where: "orders > 3"}\n' + LETTER)
    desk.conn.execute("UPDATE marts.customer_360 SET orders = 4")
    broken = "UPDATE activation.journey_versions SET definition = replace(definition::text, %s, %s)::jsonb"
    desk.conn.execute(broken, ["orders > 3", "ordrs > 3"])
    done = desk.tick("trip")
    assert (done.people, done.counts) == (1, {"held": 1})
    assert "goal: " in done.held[0]
    assert "did you mean 'orders'" in done.held[0]
    assert desk.where() == {ada: ("waiting", "pause")}
    assert desk.tick("trip").people == 0  # asked again in an hour
    desk.conn.execute(broken, ["ordrs > 3", "orders > 3"])
    desk.clock.pass_time(hours=1)
    assert desk.tick("trip").counts == {"goal": 1}


class FarOff(HandClock):
    """A machine whose clock is a month ahead of the database server's."""

    def machine(self) -> dt.datetime:
        return super().machine() + dt.timedelta(days=30)


def test_by_a_clock_that_is_far_off_nobody_enters_and_nobody_moves(desk: Desk) -> None:
    journey = desk.journey(BOUGHT + LETTER, mails=("letter",))
    [ada] = desk.people(1)
    desk.enrol(journey)
    desk.tick(journey)
    off = FarOff(hands=[desk.clock.now() + dt.timedelta(days=30)])
    for move in (lambda: tick(desk.conn, "trip", keys=RING, clock=off), lambda: enrol(desk.conn, journey, keys=RING, clock=off)):  # fmt: skip
        with pytest.raises(WrongClockError, match="hours ahead"):
            move()
    assert desk.where() == {ada: ("waiting", "pause")}
